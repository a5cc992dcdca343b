#include "api/action.hpp"
#include "api/shapes/launch_parameters.hpp"
#include "base/database.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/volume.hpp"

namespace kiln::api {

namespace {

using launcher::LaunchParameters;

Structure<LaunchParameters> output() {
    return Structure<LaunchParameters>().structure("LaunchTemplateData", "launchTemplateData",
                                                   launch_parameters_structure(),
                                                   [](const LaunchParameters& p) { return p; });
}

std::optional<std::string> if_set(const std::string& text) {
    return text.empty() ? std::nullopt : std::optional(text);
}

void add_volumes(Session& session, const InstanceId& id, LaunchParameters& parameters) {
    for (const images::Volume& volume : images::ebs_volumes_of_instance(session, id)) {
        parameters.block_devices.push_back(
            {.device_name = volume.attachment->device_name,
             .snapshot = volume.snapshot,
             .volume_size = volume.size,
             .volume_type = volume.volume_type,
             .delete_on_termination = volume.attachment->delete_on_termination,
             .encryption = {.encrypted = volume.key_id.has_value()}});
    }
}

void add_tags(Session& session, const images::Scope& scope, const InstanceId& id,
              LaunchParameters& parameters) {
    auto tags = images::tags_of(session, scope, id.str());
    std::erase_if(tags, [](const images::Tag& tag) { return tag.key.starts_with("aws:"); });
    if (!tags.empty())
        parameters.tags.push_back({.resource_type = "instance", .tags = std::move(tags)});
}

LaunchParameters parameters_of(Session& session, const images::Scope& scope, const InstanceId& id) {
    const images::Instance instance = images::get_instance(session, scope, id);
    LaunchParameters parameters{.image = images::shown_image_id(instance),
                                .instance_type = instance.instance_type,
                                .key_name = if_set(instance.key_name),
                                .user_data = if_set(instance.user_data),
                                .zone = instance.zone,
                                .kernel_id = if_set(instance.kernel_id),
                                .ramdisk_id = if_set(instance.ramdisk_id),
                                .disable_api_termination = instance.disable_api_termination,
                                .metadata = {.enabled = instance.metadata.enabled,
                                             .tokens_required = instance.metadata.tokens_required,
                                             .hop_limit = instance.metadata.hop_limit,
                                             .has_tags = instance.metadata.has_tags}};
    if (instance.root_device_type == images::DeviceType::ebs)
        parameters.shutdown_behavior = instance.shutdown_behavior;
    if (const auto interface = images::interface_of_instance(session, id)) {
        parameters.interfaces.push_back({.device_index = 0,
                                         .subnet = interface->subnet,
                                         .groups = interface->groups,
                                         .delete_on_termination = true});
    }
    add_volumes(session, id, parameters);
    add_tags(session, scope, id, parameters);
    return parameters;
}

LaunchParameters handle(Services& services, const images::Caller& caller,
                        const Arguments& arguments) {
    LaunchParameters parameters = services.database.read([&](Session& session) {
        return parameters_of(session, caller.scope(),
                             InstanceId(arguments.required_text("InstanceId")));
    });
    caller.stop_if_dry_run();
    return parameters;
}

}  // namespace

Action get_launch_template_data() {
    return with_handler<LaunchParameters>(
        {.name = "GetLaunchTemplateData",
         .summary = "Show what a launch template of instances like this one says",
         .example = "kiln get-launch-template-data --instance-id i-0123456789abcdef0",
         .parameters = {{.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance"},
                        dry_run_parameter()},
         .table = {.rows = "LaunchTemplateData",
                   .columns = {"ImageId", "InstanceType", "KeyName",
                               "Placement.AvailabilityZone"}}},
        output(), handle);
}

}  // namespace kiln::api
