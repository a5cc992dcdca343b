#pragma once

#include <string>
#include <vector>

#include "api/action.hpp"
#include "cli/options/option.hpp"

namespace kiln::cli {

/// All options of an action's command: those of its parameters, then --output, --wait,
/// --wait-timeout and --help.
std::vector<Option> command_options(const api::Action& action);

/// Runs the command of an action. Returns the exit status; throws Error.
int run_action(const api::Action& action, const std::vector<std::string>& words);

}  // namespace kiln::cli
