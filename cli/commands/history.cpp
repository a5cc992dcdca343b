#include <unistd.h>

#include "cli/commands/commands.hpp"
#include "cli/output/image_history.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* describe_family = "DescribeImageFamily";
constexpr const char* get_ancestry = "GetImageAncestry";

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 1) refuse_usage("give one image: kiln history AMI");
    const api::WirePairs image{{"ImageId", line.arguments.front()}};
    const bool as_json = is_json(line);
    Service service(line);
    const api::Reply family = service.call(describe_family, image);
    if (as_json) {
        print_reply(action_named(describe_family), family, Format::json);
        return exit_ok;
    }
    // An alias may have been asked for: the first of the ancestry is the image itself.
    const std::string id =
        reply_text(get_ancestry, service.call(get_ancestry, image), "ImageAncestryEntries.ImageId");
    print_result(version_graph(versions_of(family.root(), id), is_terminal(STDOUT_FILENO)));
    if (reply_text(describe_family, family, "Truncated") == "true")
        say("There are more: kiln shows the relatives that are nearest to the image.");
    return exit_ok;
}

}  // namespace

Command history_command() {
    return {
        .name = "history",
        .summary = "Draw the versions of an image: what it was made of, and what was made of it",
        .usage = "AMI [options]",
        .details =
            "AMI is an image's id or an alias of it. Newer versions stand above those "
            "that they were made of. Images that were deregistered are drawn as long as "
            "the service knows of them. It is the action DescribeImageFamily.",
        .example = "kiln history ami-0123456789abcdef0",
        .options = with_service_options({text_or_json_option()}),
        .run = run};
}

}  // namespace kiln::cli
