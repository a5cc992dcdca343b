#include "cli/commands/commands.hpp"
#include "cli/output/image_difference_text.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* compare_images = "CompareImages";

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 2) refuse_usage("give two images: kiln diff AMI-A AMI-B");
    api::WirePairs request{{"FromImageId", line.arguments.front()},
                           {"ToImageId", line.arguments.back()}};
    if (line.has("packages-only")) request.emplace_back("PackagesOnly", "true");
    if (const auto path = line.value("path")) request.emplace_back("Path", *path);
    const bool as_json = is_json(line);
    Service service(line);
    const api::Reply reply = service.call(compare_images, request);
    if (as_json)
        print_reply(action_named(compare_images), reply, Format::json);
    else
        print_result(image_difference_text(reply.root()));
    return exit_ok;
}

}  // namespace

Command diff_command() {
    return {.name = "diff",
            .summary = "Show in which packages and files two images differ",
            .usage = "AMI-A AMI-B [options]",
            .details =
                "Each AMI is an image's id or an alias of it; you own them or may launch them. "
                "The systems on their root disks are read, never changed, in an appliance, which "
                "takes half a minute and more. + is what AMI-B has and AMI-A has not, - the other "
                "way round, ~ what both have otherwise. In paths, \\xNN is a byte that is no text. "
                "It is the action CompareImages.",
            .example = "kiln diff golden:v1 golden:latest",
            .options = with_service_options(
                {{.name = "packages-only", .arity = Arity::none, .help = "Do not look at files"},
                 {.name = "path",
                  .placeholder = "PREFIX",
                  .help = "Only files at this path and below it"},
                 text_or_json_option()}),
            .run = run};
}

}  // namespace kiln::cli
