#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "builder/recipe/step.hpp"

namespace kiln::builder {

/// A script that runs as root in a guest.
struct Script {
    std::string text;
    std::string interpreter = default_interpreter;
    Environment environment = {};
    std::chrono::seconds time_limit = std::chrono::minutes(10);
};
struct ScriptResult {
    int exit_status = 0;
    std::string output;  // both outputs; the last 256 KiB
};
inline constexpr std::size_t most_script_output = 256U << 10U;

/// Called with each line that a step's programs say.
using StepLog = std::function<void(std::string_view line)>;
/// Calls it with each line of the text that is not empty.
void log_lines(std::string_view text, const StepLog& log);

/// Throws Error{BuildFailed} with its last words unless its exit status is 0.
void check_script(const ScriptResult& result, std::chrono::seconds time_limit);

}  // namespace kiln::builder
