#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace kiln::cli {

/// Code of the Error for a command line that is wrong; the program ends with exit_usage.
inline constexpr const char* usage_error = "UsageError";

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_interrupted = 130;  // as shells report SIGINT

[[noreturn]] inline void refuse_usage(std::string message) {
    throw Error(usage_error, "", std::move(message));
}

/// "; did you mean 'run-instances'?", or nothing when no candidate is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace kiln::cli
