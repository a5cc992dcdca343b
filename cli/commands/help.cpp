#include "cli/help.hpp"

#include "cli/commands/commands.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.empty()) {
        print_result(program_help());
        return exit_ok;
    }
    return run_program({line.arguments.front(), "--help"});
}

}  // namespace

Command help_command() {
    return {.name = "help",
            .summary = "List the commands, or show one's options",
            .usage = "[COMMAND]",
            .example = "kiln help run-instances",
            .run = run};
}

}  // namespace kiln::cli
