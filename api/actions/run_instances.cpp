#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/instance.hpp"
#include "base/database.hpp"
#include "base/text.hpp"
#include "images/market/product_code.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

constexpr const char* default_instance_type = "t3.small";

/// What is out of int's range is out of any limit, too.
int count_of(const Arguments& arguments, const char* wire) {
    constexpr std::int64_t beyond_all_limits = 1'000'000;
    return static_cast<int>(
        std::clamp<std::int64_t>(arguments.integer(wire).value_or(1), 0, beyond_all_limits));
}

/// The primary interface that a request describes by itself; empty: it does not.
Arguments interface_of(const Arguments& arguments) {
    const auto interfaces = arguments.structures("NetworkInterface");
    if (interfaces.empty()) return {};
    if (interfaces.size() > 1 || interfaces.front().integer("DeviceIndex").value_or(0) != 0) {
        throw Error(error_code::unsupported_operation, "NetworkInterface",
                    "an instance has one network interface, with DeviceIndex 0");
    }
    return interfaces.front();
}

void read_network(const Arguments& arguments, launcher::RunInstancesRequest& request) {
    const Arguments interface = interface_of(arguments);
    const auto either = [&](const char* wire) {
        const auto own = arguments.text(wire);
        return own ? own : interface.text(wire);
    };
    if (const auto subnet = either("SubnetId")) request.subnet.emplace(*subnet);
    request.private_address = either("PrivateIpAddress");
    request.security_groups = ids_of<SecurityGroupId>(arguments, "SecurityGroupId");
    for (SecurityGroupId& id : ids_of<SecurityGroupId>(interface, "SecurityGroupId"))
        request.security_groups.push_back(std::move(id));
    request.security_group_names = arguments.texts("SecurityGroup");
    request.metadata = metadata_options_of(arguments.structure("MetadataOptions"));
}

launcher::RunInstancesRequest request_of(const Arguments& arguments) {
    const std::vector<std::string> taggable = {"instance", "volume"};
    launcher::RunInstancesRequest request{
        .image = ImageId(arguments.required_text("ImageId")),
        .instance_type = arguments.text("InstanceType").value_or(default_instance_type),
        .min_count = count_of(arguments, "MinCount"),
        .max_count = count_of(arguments, "MaxCount"),
        .key_name = arguments.text("KeyName").value_or(""),
        .user_data = arguments.text("UserData").value_or(""),
        .zone = arguments.structure("Placement").text("AvailabilityZone").value_or(""),
        .kernel_id = arguments.text("KernelId").value_or(""),
        .ramdisk_id = arguments.text("RamdiskId").value_or(""),
        .shutdown_behavior = behavior_of(arguments.text("InstanceInitiatedShutdownBehavior")),
        .disable_api_termination = arguments.boolean("DisableApiTermination").value_or(false),
        .block_devices = block_devices_of(arguments),
        .instance_tags = tags_for(arguments, "instance", taggable),
        .volume_tags = tags_for(arguments, "volume", taggable),
        .client_token = arguments.text("ClientToken").value_or("")};
    read_network(arguments, request);
    return request;
}

ReservationView handle(Services& services, const images::Caller& caller,
                       const Arguments& arguments) {
    const launcher::Reservation made =
        services.launcher.run_instances(caller, request_of(arguments));
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

std::vector<Parameter> network_interface_parameters() {
    return {{.name = "DeviceIndex", .wire = "DeviceIndex", .shape = Shape::integer, .help = "0"},
            {.name = "SubnetId", .wire = "SubnetId", .help = "Subnet"},
            {.name = "PrivateIpAddress", .wire = "PrivateIpAddress", .help = "Address"},
            {.name = "Groups", .wire = "SecurityGroupId", .list = true, .help = "Security groups"},
            {.name = "Description", .wire = "Description", .help = "Not kept"},
            {.name = "AssociatePublicIpAddress",
             .wire = "AssociatePublicIpAddress",
             .shape = Shape::boolean,
             .help = "No instance gets a public address at its launch"},
            {
                .name = "DeleteOnTermination",
                .wire = "DeleteOnTermination",
                .shape = Shape::boolean,
                .help = "It always is",
            }};
}

std::vector<Parameter> parameters() {
    return {
        {.name = "ImageId", .wire = "ImageId", .required = true, .help = "Image to launch"},
        {.name = "InstanceType",
         .wire = "InstanceType",
         .help = fmt::format("Virtual processors and memory; default {}", default_instance_type)},
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
        {.name = "KeyName", .wire = "KeyName", .help = "Key pair whose owner may log in"},
        {.name = "UserData",
         .wire = "UserData",
         .shape = Shape::blob,
         .help = "Script or cloud-config for the first boot; file://PATH reads a file"},
        {.name = "Placement",
         .wire = "Placement",
         .shape = Shape::structure,
         .help = "Where to launch",
         .members = {{.name = "AvailabilityZone",
                      .wire = "AvailabilityZone",
                      .help = "Default: the region's first"},
                     {.name = "Tenancy",
                      .wire = "Tenancy",
                      .help = "Only default",
                      .choices = {"default"}}}},
        {.name = "KernelId", .wire = "KernelId", .help = "Kernel, instead of the image's"},
        {.name = "RamdiskId", .wire = "RamdiskId", .help = "RAM disk, instead of the image's"},
        {.name = "InstanceInitiatedShutdownBehavior",
         .wire = "InstanceInitiatedShutdownBehavior",
         .help = "What a power-off from inside does; default stop",
         .choices = {"stop", "terminate"}},
        {.name = "DisableApiTermination",
         .wire = "DisableApiTermination",
         .shape = Shape::boolean,
         .help = "Refuse terminate-instances until this is changed"},
        {.name = "SubnetId", .wire = "SubnetId", .help = "Subnet, which decides the zone"},
        {.name = "PrivateIpAddress",
         .wire = "PrivateIpAddress",
         .help = "Address of the subnet; default: a free one"},
        {.name = "SecurityGroupIds",
         .wire = "SecurityGroupId",
         .list = true,
         .help = "Security groups; default: the one named default"},
        {.name = "SecurityGroups",
         .wire = "SecurityGroup",
         .list = true,
         .help = "Security groups, by their names"},
        {.name = "NetworkInterfaces",
         .wire = "NetworkInterface",
         .shape = Shape::structure,
         .list = true,
         .help = "The network interface, instead of the three above",
         .members = network_interface_parameters()},
        {.name = "MetadataOptions",
         .wire = "MetadataOptions",
         .shape = Shape::structure,
         .help = "How the instance may ask for its metadata",
         .members = metadata_options_parameters()},
        block_device_mappings_parameter(),
        tag_specifications_parameter(),
        client_token_parameter(),
        dry_run_parameter()};
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
