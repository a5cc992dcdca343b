#include <fmt/format.h>

#include "api/action.hpp"
#include "base/text.hpp"
#include "cli/commands/commands.hpp"
#include "cli/help.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

std::string section(const std::string& name, const std::string& help) {
    return fmt::format("### kiln {}\n\n```\n{}```\n\n", name, help);
}

std::string reference() {
    std::string text =
        "# Commands\n\nMade by `kiln reference` from the table of commands; edit that.\n\n";
    text += "## Working with kiln\n\n";
    for (const Command& command : commands()) {
        if (!command.hidden) text += section(command.name, command_help(command));
    }
    for (const ActionGroup& group : action_groups(api::actions())) {
        text += "## " + group.title + "\n\n";
        for (const api::Action* action : group.actions)
            text += section(to_kebab_case(action->name), action_help(*action));
    }
    text.pop_back();
    return text;
}

int run(const CommandLine&, const std::vector<std::string>&) {
    print_result(reference());
    return exit_ok;
}

}  // namespace

Command reference_command() {
    return {.name = "reference",
            .summary = "Print docs/reference.md",
            .example = "kiln reference > docs/reference.md",
            .hidden = true,
            .run = run};
}

}  // namespace kiln::cli
