#include "cli/commands/commands.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* set_alias = "SetImageAlias";

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 2)
        refuse_usage("give an alias and an image: kiln tag-image ALIAS AMI");
    const Format format = format_of(line);
    Service service(line);
    const api::Reply reply = service.call(
        set_alias, {{"Alias", line.arguments.front()}, {"ImageId", line.arguments.back()}});
    print_reply(action_named(set_alias), reply, format);
    return exit_ok;
}

}  // namespace

Command tag_image_command() {
    return {.name = "tag-image",
            .summary = "Let a name like golden:latest stand for an image, wherever its id could",
            .usage = "ALIAS AMI [options]",
            .details =
                "ALIAS is NAME or NAME:TAG; without a tag it is NAME:latest. It is moved when it "
                "stands for another image. AMI is an image's id or another alias. Aliases are of "
                "one account and region. When the service's configuration has "
                "foreign_image_aliases: true, ALIAS may be an AMI id of somewhere else, as scripts "
                "name it. It is the action SetImageAlias; kiln describe-image-aliases shows all, "
                "kiln delete-image-alias removes one.",
            .example = "kiln tag-image golden:latest ami-0123456789abcdef0",
            .options = with_service_options({output_option()}),
            .run = run};
}

}  // namespace kiln::cli
