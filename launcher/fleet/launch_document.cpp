#include "launcher/fleet/launch_document.hpp"

#include <concepts>
#include <nlohmann/json.hpp>
#include <type_traits>

/// Each kind of value is described once, by the names of its members, for writing and for reading.
namespace kiln::launcher {

namespace {

using nlohmann::json;

template <class T, class U>
concept Of = std::same_as<std::remove_const_t<T>, U>;
template <class T>
concept Plain = std::same_as<T, std::string> || std::is_arithmetic_v<T>;
template <class T>
concept SomeId = !Plain<T> && requires(const T& id) {
    id.str();
};

void members(auto& member, Of<BlockDeviceOverride> auto& device) {
    member("deviceName", device.device_name);
    member("noDevice", device.no_device);
    member("virtualName", device.virtual_name);
    member("snapshotId", device.snapshot);
    member("volumeSize", device.volume_size);
    member("volumeType", device.volume_type);
    member("deleteOnTermination", device.delete_on_termination);
    member("encrypted", device.encryption.encrypted);
    member("kmsKeyId", device.encryption.kms_key_id);
    member("iops", device.iops);
    member("throughput", device.throughput);
}

void members(auto& member, Of<LaunchInterface> auto& interface) {
    member("deviceIndex", interface.device_index);
    member("subnetId", interface.subnet);
    member("privateIpAddress", interface.private_address);
    member("groups", interface.groups);
    member("description", interface.description);
    member("associatePublicIpAddress", interface.associate_public_address);
    member("deleteOnTermination", interface.delete_on_termination);
}

void members(auto& member, Of<images::Tag> auto& tag) {
    member("key", tag.key);
    member("value", tag.value);
}

void members(auto& member, Of<TagSpecification> auto& specification) {
    member("resourceType", specification.resource_type);
    member("tags", specification.tags);
}

void members(auto& member, Of<LaunchParameters> auto& launch) {
    member("imageId", launch.image);
    member("instanceType", launch.instance_type);
    member("keyName", launch.key_name);
    member("userData", launch.user_data);
    member("availabilityZone", launch.zone);
    member("tenancy", launch.tenancy);
    member("kernelId", launch.kernel_id);
    member("ramdiskId", launch.ramdisk_id);
    member("shutdownBehavior", launch.shutdown_behavior);
    member("disableApiTermination", launch.disable_api_termination);
    member("blockDeviceMappings", launch.block_devices);
    member("subnetId", launch.subnet);
    member("privateIpAddress", launch.private_address);
    member("securityGroupIds", launch.security_groups);
    member("securityGroups", launch.security_group_names);
    member("networkInterfaces", launch.interfaces);
    member("httpEndpoint", launch.metadata.enabled);
    member("httpTokensRequired", launch.metadata.tokens_required);
    member("httpHopLimit", launch.metadata.hop_limit);
    member("metadataTags", launch.metadata.has_tags);
    member("tagSpecifications", launch.tags);
    member("ebsOptimized", launch.ebs_optimized);
    member("monitoring", launch.monitoring);
    member("enclaves", launch.enclaves);
    member("hibernation", launch.hibernation);
    member("cpuCredits", launch.cpu_credits);
    member("httpProtocolIpv6", launch.metadata_ipv6);
}

template <class T>
json to_json(const T& value);
template <class T>
T from_json(const json& document);

bool is_said(bool flag) {
    return flag;
}
template <class T>
bool is_said(const std::optional<T>& member) {
    return member.has_value();
}
bool is_said(const auto& member) {
    return !member.empty();
}

template <class T>
json member_json(const std::optional<T>& member) {
    return to_json(*member);
}
template <class T>
json member_json(const std::vector<T>& member) {
    json array = json::array();
    for (const T& item : member)
        array.push_back(to_json(item));
    return array;
}
json member_json(const Plain auto& member) {
    return to_json(member);
}

template <class T>
void read_member(const json& document, std::optional<T>& member) {
    member.emplace(from_json<T>(document));
}
template <class T>
void read_member(const json& document, std::vector<T>& member) {
    for (const json& item : document)
        member.push_back(from_json<T>(item));
}
template <Plain T>
void read_member(const json& document, T& member) {
    member = from_json<T>(document);
}

template <class T>
json to_json(const T& value) {
    if constexpr (Plain<T>) {
        return value;
    } else if constexpr (std::same_as<T, Bytes>) {
        return value.value;
    } else if constexpr (std::is_enum_v<T>) {
        return std::string(images::to_text(value));
    } else if constexpr (SomeId<T>) {
        return value.str();
    } else {
        json object = json::object();
        const auto write = [&](const char* name, const auto& member) {
            if (is_said(member)) object[name] = member_json(member);
        };
        members(write, value);
        return object;
    }
}

template <class T>
T from_json(const json& document) {
    if constexpr (Plain<T>) {
        return document.get<T>();
    } else if constexpr (std::same_as<T, Bytes>) {
        return Bytes{document.get<std::uint64_t>()};
    } else if constexpr (std::is_enum_v<T>) {
        return images::parse_shutdown_behavior(document.get<std::string>());
    } else if constexpr (SomeId<T>) {
        return T(document.get<std::string>());
    } else {
        T value;
        const auto read = [&](const char* name, auto& member) {
            if (document.contains(name)) read_member(document[name], member);
        };
        members(read, value);
        return value;
    }
}

}  // namespace

std::string to_document(const LaunchParameters& parameters) {
    return to_json(parameters).dump();
}

LaunchParameters parse_launch_document(const std::string& document) {
    return from_json<LaunchParameters>(json::parse(document));
}

}  // namespace kiln::launcher
