#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "api/shapes/launch_parameters.hpp"
#include "api/shapes/launch_template.hpp"
#include "base/database.hpp"
#include "base/settings.hpp"
#include "base/text.hpp"
#include "images/catalog/image_alias.hpp"
#include "images/market/product_code.hpp"
#include "launcher/fleet/launch_document.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/instances/launch_token.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

/// What is out of int's range is out of any limit, too.
int count_of(const Arguments& arguments, const char* wire) {
    constexpr std::int64_t beyond_all_limits = 1'000'000;
    return static_cast<int>(
        std::clamp<std::int64_t>(arguments.integer(wire).value_or(1), 0, beyond_all_limits));
}

launcher::LaunchParameters own_parameters(const Arguments& arguments) {
    launcher::LaunchParameters parameters = launch_parameters_of(arguments);
    parameters.ramdisk_id = arguments.text("RamdiskId");
    parameters.private_address = arguments.text("PrivateIpAddress");
    if (const auto subnet = arguments.text("SubnetId")) parameters.subnet.emplace(*subnet);
    check_network(parameters);
    return parameters;
}

void complete(const Arguments& arguments, launcher::RunInstancesRequest& request) {
    request.min_count = count_of(arguments, "MinCount");
    request.max_count = count_of(arguments, "MaxCount");
    request.client_token = arguments.text("ClientToken").value_or("");
    if (const auto asked = arguments.asked_image(request.image.str())) request.asked_image = *asked;
}

/// What makes a launch from a template the same as an earlier one: what was said, and not what the
/// template says by now.
std::string digest_of(const launcher::LaunchParameters& own, const Arguments& arguments) {
    const Arguments reference = arguments.structure("LaunchTemplate");
    std::string said = to_document(own);
    for (const char* part : {"LaunchTemplateId", "LaunchTemplateName", "Version"})
        said += '\n' + reference.text(part).value_or("");
    return sha256_hex(fmt::format("{}\n{}\n{}", said, count_of(arguments, "MinCount"),
                                  count_of(arguments, "MaxCount")));
}

launcher::RunInstancesRequest request_from_template(Session& session, const Services& services,
                                                    const images::Caller& caller,
                                                    const launcher::LaunchParameters& own,
                                                    const Arguments& arguments) {
    launcher::check_device_names(own.block_devices);
    const auto version =
        launch_template_version_of(session, caller, arguments.structure("LaunchTemplate"));
    auto parameters = overlaid(launcher::parse_launch_document(version.parameters), own);
    std::string asked_image;
    if (parameters.image && !own.image) {
        asked_image = *parameters.image;
        parameters.image = images::resolve_image_alias(session, caller.scope(), asked_image,
                                                       services.settings.foreign_image_aliases);
    }
    auto request = run_instances_request(parameters);
    if (asked_image != request.image.str() && images::is_image_id(asked_image))
        request.asked_image = asked_image;
    request.system_tags = {
        {.key = "aws:ec2launchtemplate:id", .value = version.launch_template.str()},
        {.key = "aws:ec2launchtemplate:version", .value = std::to_string(version.number)}};
    return request;
}

launcher::Reservation launch(Services& services, const images::Caller& caller,
                             const Arguments& arguments) {
    const launcher::LaunchParameters own = own_parameters(arguments);
    if (!arguments.has("LaunchTemplate")) {
        launcher::RunInstancesRequest request = run_instances_request(own);
        complete(arguments, request);
        return services.launcher.run_instances(caller, request);
    }
    const std::string digest = digest_of(own, arguments);
    const auto token = arguments.text("ClientToken").value_or("");
    auto earlier = services.database.read([&](Session& session) {
        return launcher::earlier_reservation(session, caller, token, digest);
    });
    if (earlier) return *std::move(earlier);
    auto request = services.database.read([&](Session& session) {
        return request_from_template(session, services, caller, own, arguments);
    });
    complete(arguments, request);
    request.token_digest = digest;
    return services.launcher.run_instances(caller, request);
}

ReservationView handle(Services& services, const images::Caller& caller,
                       const Arguments& arguments) {
    const launcher::Reservation made = launch(services, caller, arguments);
    ReservationView view{.id = made.id, .owner = made.owner};
    services.database.read([&](Session& session) {
        const auto tags = images::tags_by_resource(session, caller.scope());
        const auto interfaces = load_interface_views(session, caller.scope());
        for (const images::Instance& instance : made.instances) {
            InstanceView item{.instance = instance,
                              .volumes = images::ebs_volumes_of_instance(session, instance.id)};
            const auto own_tags = tags.find(instance.id.str());
            if (own_tags != tags.end()) item.tags = own_tags->second;
            item.product_codes = images::product_codes_of(session, instance.id.str());
            const auto own_interface = interfaces.find(instance.id);
            if (own_interface != interfaces.end()) item.interface = own_interface->second;
            view.instances.push_back(std::move(item));
        }
    });
    return view;
}

int parse_count(const std::string& text) {
    int count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error == std::errc() && end == text.data() + text.size()) return count;
    throw Error(error_code::invalid_parameter_value, "count",
                fmt::format("--count takes a number or MIN:MAX, not '{}'", text));
}

/// aws's `--count 2` and `--count 1:3`.
CliOption count_option() {
    return {.option = "count",
            .placeholder = "MIN[:MAX]",
            .help = "How many instances to launch; default 1",
            .expand = [](const std::string& text) {
                const std::vector<std::string> parts = split(text, ':');
                const int least = parse_count(parts.front());
                const int most = parts.size() == 2 ? parse_count(parts.back()) : least;
                if (parts.size() > 2) parse_count(text);
                return std::vector<std::pair<std::string, std::string>>{
                    {"MinCount", std::to_string(least)}, {"MaxCount", std::to_string(most)}};
            }};
}

std::vector<Parameter> parameters() {
    std::vector<Parameter> all = launch_parameters();
    std::vector<Parameter> own{
        {.name = "MinCount",
         .wire = "MinCount",
         .shape = Shape::integer,
         .help = "Launch none unless so many fit",
         .hidden = true},
        {.name = "MaxCount",
         .wire = "MaxCount",
         .shape = Shape::integer,
         .help = "Launch at most so many",
         .hidden = true},
        {.name = "RamdiskId", .wire = "RamdiskId", .help = "RAM disk, instead of the image's"},
        {.name = "SubnetId", .wire = "SubnetId", .help = "Subnet, which decides the zone"},
        {.name = "PrivateIpAddress",
         .wire = "PrivateIpAddress",
         .help = "Address of the subnet; default: a free one"},
        {.name = "LaunchTemplate",
         .wire = "LaunchTemplate",
         .shape = Shape::structure,
         .help = "Launch template for all that is not given here",
         .members = launch_template_reference_parameters()},
        client_token_parameter(),
        dry_run_parameter()};
    for (Parameter& parameter : own)
        all.push_back(std::move(parameter));
    return all;
}

}  // namespace

Action run_instances() {
    return with_handler<ReservationView>(
        {.name = "RunInstances",
         .summary = "Launch instances of an image",
         .example = "kiln run-instances --image-id ami-0123456789abcdef0 --instance-type t3.small "
                    "--key-name k --count 2 --wait",
         .parameters = parameters(),
         .cli_options = {count_option()},
         .table = {.rows = "Instances",
                   .columns = {"InstanceId", "ImageId", "InstanceType", "State.Name", "KeyName",
                               "LaunchTime"}},
         .waiter = Waiter{.action = "DescribeInstances",
                          .parameter = "InstanceId",
                          .ids = "Instances.InstanceId",
                          .state = "Reservations.Instances.State.Name",
                          .wanted = "running",
                          .failed = {"terminated", "shutting-down", "stopped"},
                          .reason = "Reservations.Instances.StateReason.Message"}},
        reservation_structure(), handle);
}

}  // namespace kiln::api
