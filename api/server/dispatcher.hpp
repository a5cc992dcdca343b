#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/action.hpp"
#include "images/accounts/caller.hpp"

namespace kiln {
class Error;
}

namespace kiln::api {

/// What of an HTTP request matters to an action.
struct Request {
    std::string method;        // "GET", "POST"
    std::string target;        // "/?Action=…"
    std::string content_type;  // empty: none
    std::string body;
};

/// The header of a request that says in which region it is; without it, in the service's own.
inline constexpr const char* region_header = "x-kiln-region";

/// XML with the HTTP status that EC2 gives it.
struct Response {
    unsigned status = 200;
    std::string body;
    std::string request_id;
};

/// Answers requests of the EC2 Query protocol: finds the action, checks the arguments, calls the
/// handler, and turns whatever it throws into an error response. Any thread; never throws.
class Dispatcher {
  public:
    using Invoke = std::function<void(const Action&, const images::Caller&, const Arguments&,
                                      XmlWriter& response)>;

    /// `table` must outlive the dispatcher.
    Dispatcher(const std::vector<Action>& table, Services& services);
    /// As above, with something else in between the dispatcher and the handlers.
    Dispatcher(const std::vector<Action>& table, Invoke invoke);

    Response dispatch(const Request& request, images::Caller caller) const;

  private:
    const Action& action_of(const std::string& name) const;
    /// The response's text; sets `name` as soon as it knows which action it is.
    std::string answer(const Request& request, images::Caller& caller,
                       const std::string& request_id, std::string& name) const;

    const std::vector<Action>& table_;
    Invoke invoke_;
};

/// The response to what failed outside of an action.
Response error_response(const Error& error);
/// The HTTP status that goes with an error code: 400 unless EC2 says otherwise.
unsigned status_of_error(const std::string& code);

}  // namespace kiln::api
