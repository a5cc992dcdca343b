#pragma once

#include <string>
#include <vector>

#include "api/action.hpp"
#include "cli/command.hpp"
#include "cli/options/option.hpp"

namespace kiln::cli {

/// The option --help, -h.
Option help_option();

/// What `kiln help` prints: the commands in groups.
std::string program_help();
std::string command_help(const Command& command);
std::string action_help(const api::Action& action);

/// A group of actions as people look for them: "Images", "Instances", "Key pairs", …
struct ActionGroup {
    std::string title;
    std::vector<const api::Action*> actions;
};
std::vector<ActionGroup> action_groups(const std::vector<api::Action>& actions);

/// "--image-id TEXT", "--dry-run | --no-dry-run", "-h, --help".
std::string option_syntax(const Option& option);

}  // namespace kiln::cli
