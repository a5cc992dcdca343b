#include <fmt/format.h>

#include "api/server/serve.hpp"
#include "cli/commands/commands.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

/// What the options say, else the configuration.
EndpointSettings endpoint_of(const CommandLine& line, EndpointSettings endpoint) {
    if (const auto text = line.value("listen")) {
        endpoint.listen = parse_listen_address(*text);
        if (!endpoint.listen)
            refuse_usage(fmt::format("--listen: '{}' is not {}", *text, listen_address_form));
    }
    if (const auto file = line.value("tls-cert")) endpoint.tls_certificate = *file;
    if (const auto file = line.value("tls-key")) endpoint.tls_key = *file;
    check_endpoint(endpoint);
    return endpoint;
}

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
    const Settings settings = load_settings();
    options.endpoint = endpoint_of(line, settings.endpoint);
    return api::serve(settings, options);
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
            .options = {{.name = "listen",
                         .placeholder = "ADDRESS:PORT",
                         .help = "Answer aws, boto3, Packer and other clients that sign requests "
                                 "there, as 127.0.0.1:8773; default: listen of the configuration, "
                                 "else nowhere"},
                        {.name = "tls-cert",
                         .placeholder = "FILE",
                         .help = "With HTTPS, with this certificate (PEM)"},
                        {.name = "tls-key",
                         .placeholder = "FILE",
                         .help = "The certificate's key (PEM)"},
                        {.name = "verbose",
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
