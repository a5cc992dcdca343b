#include <fmt/format.h>

#include "cli/actions/waiter.hpp"
#include "cli/commands/commands.hpp"
#include "cli/options/action_options.hpp"
#include "cli/output/field_path.hpp"
#include "cli/output/print.hpp"
#include "cli/service/service.hpp"
#include "cli/terminal/terminal.hpp"
#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

constexpr const char* seal_image = "SealImage";

/// What was made of it, which the snapshot of its root says.
void say_result(Service& service, const api::Reply& image) {
    api::WirePairs request;
    for (const std::string& snapshot :
         texts_at(image.root(), *action_named("DescribeImages").output,
                  "Images.BlockDeviceMappings.Ebs.SnapshotId")) {
        request.emplace_back(fmt::format("SnapshotId.{}", request.size() + 1), snapshot);
    }
    if (request.empty()) return;
    const api::Reply reply = service.call("DescribeSnapshots", request);
    for (const std::string& description : texts_at(
             reply.root(), *action_named("DescribeSnapshots").output, "Snapshots.Description")) {
        if (description.starts_with("Sealed from")) say(description);
    }
}

int run(const CommandLine& line, const std::vector<std::string>&) {
    if (line.arguments.size() != 1) refuse_usage("give one image: kiln seal AMI --name NAME");
    const Format format = format_of(line);
    const api::Action& action = action_named(seal_image);
    CommandLine options = line;
    options.arguments.clear();
    options.options.push_back({.name = "image-id", .values = line.arguments});
    const api::WirePairs request = request_pairs(action, options);
    Service service(line);
    const api::Reply reply = service.call(seal_image, request);
    const api::Reply image =
        wait_for(*action.waiter, waited_ids(action, request, reply.root()), default_wait,
                 [&](const std::string& name, const api::WirePairs& pairs) {
                     return service.call(name, pairs);
                 });
    say_result(service, image);
    print_reply(action, reply, format);
    return exit_ok;
}

/// Those of the action, but for the image.
std::vector<Option> seal_options() {
    std::vector<Option> options = options_of(action_named(seal_image));
    std::erase_if(options, [](const Option& option) { return option.name == "image-id"; });
    options.push_back(output_option());
    return with_service_options(std::move(options));
}

}  // namespace

Command seal_command() {
    return {.name = "seal",
            .summary = "Make an image to start others from: without machine id, host keys, logs",
            .usage = "AMI --name NAME [options]",
            .details =
                "Removes from the root of an image of yours what each instance must have of its "
                "own and what nobody should see, and makes a new image of it: machine id, ssh host "
                "keys, cloud-init's memory, logs, shell history, DHCP leases, random seed, package "
                "lists. Nothing of the image is started for it. It is the action SealImage, and "
                "waits for its end.",
            .example = "kiln seal ami-0123456789abcdef0 --name golden-2 --sparsify",
            .options = seal_options(),
            .run = run};
}

}  // namespace kiln::cli
