#include "launcher/fleet/launch_parameters.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace kiln::launcher {

namespace {

template <class T>
void replace_if_said(std::optional<T>& base, const std::optional<T>& over) {
    if (over) base = over;
}

template <class T>
void replace_if_said(std::vector<T>& base, const std::vector<T>& over) {
    if (!over.empty()) base = over;
}

/// Those of `over` in the places of those with the same key, the others behind them.
template <class T>
void merge(std::vector<T>& base, const std::vector<T>& over, std::string T::*key) {
    for (const T& item : over) {
        const auto same = std::ranges::find(base, item.*key, key);
        if (same != base.end())
            *same = item;
        else
            base.push_back(item);
    }
}

/// Of an EBS volume what is not said stays: its encryption, above all.
void overlay_device(BlockDeviceOverride& base, const BlockDeviceOverride& over) {
    const auto is_volume = [](const BlockDeviceOverride& device) {
        return !device.no_device && device.virtual_name.empty();
    };
    if (!is_volume(base) || !is_volume(over)) {
        base = over;
        return;
    }
    replace_if_said(base.snapshot, over.snapshot);
    replace_if_said(base.volume_size, over.volume_size);
    replace_if_said(base.volume_type, over.volume_type);
    replace_if_said(base.delete_on_termination, over.delete_on_termination);
    replace_if_said(base.iops, over.iops);
    replace_if_said(base.throughput, over.throughput);
    if (over.encryption.encrypted)
        base.encryption = over.encryption;
    else if (!over.encryption.kms_key_id.empty())
        base.encryption.kms_key_id = over.encryption.kms_key_id;
}

void merge_devices(std::vector<BlockDeviceOverride>& base,
                   const std::vector<BlockDeviceOverride>& over) {
    for (const BlockDeviceOverride& device : over) {
        const auto same =
            std::ranges::find(base, device.device_name, &BlockDeviceOverride::device_name);
        if (same != base.end())
            overlay_device(*same, device);
        else
            base.push_back(device);
    }
}

void merge_tags(std::vector<TagSpecification>& base, const std::vector<TagSpecification>& over) {
    for (const TagSpecification& specification : over) {
        const auto same =
            std::ranges::find(base, specification.resource_type, &TagSpecification::resource_type);
        if (same != base.end())
            merge(same->tags, specification.tags, &images::Tag::key);
        else
            base.push_back(specification);
    }
}

bool names_groups(const LaunchParameters& parameters) {
    return !parameters.security_groups.empty() || !parameters.security_group_names.empty() ||
           std::ranges::any_of(parameters.interfaces, [](const LaunchInterface& interface) {
               return !interface.groups.empty();
           });
}

void forget_groups(LaunchParameters& parameters) {
    parameters.security_groups.clear();
    parameters.security_group_names.clear();
    for (LaunchInterface& interface : parameters.interfaces)
        interface.groups.clear();
}

void overlay_network(LaunchParameters& base, const LaunchParameters& over) {
    if (names_groups(over)) forget_groups(base);
    replace_if_said(base.subnet, over.subnet);
    replace_if_said(base.private_address, over.private_address);
    replace_if_said(base.security_groups, over.security_groups);
    replace_if_said(base.security_group_names, over.security_group_names);
    replace_if_said(base.interfaces, over.interfaces);
    replace_if_said(base.metadata.enabled, over.metadata.enabled);
    replace_if_said(base.metadata.tokens_required, over.metadata.tokens_required);
    replace_if_said(base.metadata.hop_limit, over.metadata.hop_limit);
    replace_if_said(base.metadata.has_tags, over.metadata.has_tags);
}

void overlay_ineffective(LaunchParameters& base, const LaunchParameters& over) {
    replace_if_said(base.ebs_optimized, over.ebs_optimized);
    replace_if_said(base.monitoring, over.monitoring);
    replace_if_said(base.enclaves, over.enclaves);
    replace_if_said(base.hibernation, over.hibernation);
    replace_if_said(base.cpu_credits, over.cpu_credits);
    replace_if_said(base.metadata_ipv6, over.metadata_ipv6);
}

std::vector<images::Tag> tags_for(const LaunchParameters& parameters,
                                  std::string_view resource_type) {
    std::vector<images::Tag> tags;
    for (const TagSpecification& specification : parameters.tags) {
        if (specification.resource_type == resource_type)
            merge(tags, specification.tags, &images::Tag::key);
    }
    return tags;
}

void read_network(const LaunchParameters& parameters, RunInstancesRequest& request) {
    request.subnet = parameters.subnet;
    request.private_address = parameters.private_address;
    request.security_groups = parameters.security_groups;
    request.security_group_names = parameters.security_group_names;
    request.metadata = parameters.metadata;
    if (parameters.interfaces.empty()) return;
    const LaunchInterface& interface = parameters.interfaces.front();
    if (!request.subnet) request.subnet = interface.subnet;
    if (!request.private_address) request.private_address = interface.private_address;
    request.security_groups.insert(request.security_groups.end(), interface.groups.begin(),
                                   interface.groups.end());
}

}  // namespace

LaunchParameters overlaid(LaunchParameters base, const LaunchParameters& over) {
    replace_if_said(base.image, over.image);
    replace_if_said(base.instance_type, over.instance_type);
    replace_if_said(base.key_name, over.key_name);
    replace_if_said(base.user_data, over.user_data);
    replace_if_said(base.zone, over.zone);
    replace_if_said(base.tenancy, over.tenancy);
    replace_if_said(base.kernel_id, over.kernel_id);
    replace_if_said(base.ramdisk_id, over.ramdisk_id);
    replace_if_said(base.shutdown_behavior, over.shutdown_behavior);
    replace_if_said(base.disable_api_termination, over.disable_api_termination);
    merge_devices(base.block_devices, over.block_devices);
    merge_tags(base.tags, over.tags);
    overlay_network(base, over);
    overlay_ineffective(base, over);
    return base;
}

void check_network(const LaunchParameters& parameters) {
    if (parameters.interfaces.empty()) return;
    if (parameters.interfaces.size() > 1 ||
        parameters.interfaces.front().device_index.value_or(0) != 0) {
        throw Error(error_code::unsupported_operation, "NetworkInterface",
                    "an instance has one network interface, with DeviceIndex 0");
    }
    const bool is_said_twice = parameters.subnet || parameters.private_address ||
                               !parameters.security_groups.empty() ||
                               !parameters.security_group_names.empty();
    if (!is_said_twice) return;
    throw Error(error_code::invalid_parameter_combination, "NetworkInterface",
                "Network interfaces and an instance-level subnet ID, private address or security "
                "groups may not be specified on the same request");
}

RunInstancesRequest run_instances_request(const LaunchParameters& parameters) {
    if (!parameters.image) {
        throw Error(error_code::missing_parameter, "ImageId",
                    "The request must contain the parameter ImageId, or name a launch template "
                    "that has an image");
    }
    RunInstancesRequest request{
        .image = ImageId(*parameters.image),
        .instance_type = parameters.instance_type.value_or(default_instance_type),
        .key_name = parameters.key_name.value_or(""),
        .user_data = parameters.user_data.value_or(""),
        .zone = parameters.zone.value_or(""),
        .kernel_id = parameters.kernel_id.value_or(""),
        .ramdisk_id = parameters.ramdisk_id.value_or(""),
        .shutdown_behavior = parameters.shutdown_behavior,
        .disable_api_termination = parameters.disable_api_termination.value_or(false),
        .block_devices = parameters.block_devices,
        .instance_tags = tags_for(parameters, "instance"),
        .volume_tags = tags_for(parameters, "volume"),
        .interface_tags = tags_for(parameters, "network-interface")};
    read_network(parameters, request);
    return request;
}

}  // namespace kiln::launcher
