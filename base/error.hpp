#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace kiln {

/// The one exception type of kiln. `code` is the EC2 error code that the client is answered with
/// (`InvalidAMIID.NotFound`), `resource` the id or name that it concerns (may be empty), `message`
/// a sentence for the user that says what is wrong and, where the user can mend it, how.
///
/// Thrown from any thread; caught where a client is answered or where the caller really recovers.
class Error : public std::exception {
  public:
    Error(std::string code, std::string resource, std::string message)
        : code_(std::move(code)), resource_(std::move(resource)), message_(std::move(message)) {}

    const std::string& code() const noexcept { return code_; }
    const std::string& resource() const noexcept { return resource_; }
    const std::string& message() const noexcept { return message_; }
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    std::string code_;
    std::string resource_;
    std::string message_;
};

/// Codes that several folders use. Codes that belong to one place stay there.
namespace error_code {
inline constexpr const char* internal_error = "InternalError";
inline constexpr const char* invalid_parameter_value = "InvalidParameterValue";
inline constexpr const char* invalid_parameter_combination = "InvalidParameterCombination";
inline constexpr const char* missing_parameter = "MissingParameter";
inline constexpr const char* insufficient_instance_capacity = "InsufficientInstanceCapacity";
inline constexpr const char* incorrect_instance_state = "IncorrectInstanceState";
inline constexpr const char* unsupported_operation = "UnsupportedOperation";
inline constexpr const char* unavailable = "Unavailable";
}  // namespace error_code

/// Error{InternalError} for a failed system call: "cannot <what>: <strerror(errno)>".
/// Reads errno, so call it before anything else that may change it.
[[nodiscard]] Error system_error(std::string_view what);

}  // namespace kiln
