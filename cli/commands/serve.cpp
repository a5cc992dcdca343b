#include "api/server/serve.hpp"

#include "cli/commands/commands.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (!line.arguments.empty()) {
        refuse_usage("unexpected argument '" + line.arguments.front() + "'");
    }
    if (line.has("quiet") && line.has("verbose")) {
        refuse_usage("--quiet and --verbose exclude each other");
    }
    api::ServeOptions options;
    if (line.has("quiet")) options.verbosity = api::Verbosity::quiet;
    if (line.has("verbose")) options.verbosity = api::Verbosity::verbose;
    return api::serve(load_settings(), options);
}

}  // namespace

Command serve_command() {
    return {.name = "serve",
            .summary = "Run the service in the foreground",
            .usage = "[options]",
            .details =
                "Without a running service, the other commands start one in the "
                "background (KILN_NO_AUTOSTART=1 forbids it). KILN_STATE_DIR, KILN_SOCKET, "
                "KILN_REGION and the configuration file say where it works.",
            .example = "kiln serve --verbose",
            .options = {{.name = "verbose",
                         .letter = 'v',
                         .arity = Arity::none,
                         .help = "Log every request and every step"},
                        {.name = "quiet",
                         .letter = 'q',
                         .arity = Arity::none,
                         .help = "Log only what goes wrong"}},
            .run = run};
}

}  // namespace kiln::cli
