#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/options/option.hpp"

namespace kiln::cli {

/// A command that is no action of the API. A file of commands/ makes each.
struct Command {
    std::string name;
    std::string summary;
    std::string usage;    // after "kiln NAME": "RECIPE --name NAME [options]"
    std::string details;  // more to say in --help; may be empty
    std::string example;
    std::vector<Option> options;
    bool hidden = false;
    /// How many arguments are its own when the words after them, or after "--", belong to another
    /// program.
    std::optional<std::size_t> own_arguments = std::nullopt;
    /// Returns the exit status; throws Error.
    std::function<int(const CommandLine& line, const std::vector<std::string>& passed_on)> run;
};

/// In the order of the list in `kiln help`.
const std::vector<Command>& commands();
/// nullptr when there is none of that name.
const Command* find_command(const std::string& name);

/// Names of all commands that are not hidden, those of actions too.
std::vector<std::string> command_names();

/// Those of every action, which may stand before the command.
std::vector<Option> shared_options();
/// How many words such options and their values are; more than there are when the last has no
/// value.
std::size_t words_before_command(const std::vector<std::string>& words);

/// What main() does: runs the command that the words name, and answers for what it throws.
int run_program(const std::vector<std::string>& words);

}  // namespace kiln::cli
