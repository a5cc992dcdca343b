#include "cli/commands/commands.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

Command version_command() {
    return {.name = "version",
            .summary = "Print kiln's version",
            .example = "kiln version",
            .run = [](const CommandLine&, const auto&) {
                print_result("kiln " KILN_VERSION "\n");
                return exit_ok;
            }};
}

}  // namespace kiln::cli
