#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/instances/requests.hpp"

namespace kiln::launcher {

/// A network interface as a launch describes it.
struct LaunchInterface {
    std::optional<int> device_index;
    std::optional<SubnetId> subnet;
    std::optional<std::string> private_address;
    std::vector<SecurityGroupId> groups;
    std::optional<std::string> description;
    std::optional<bool> associate_public_address;
    std::optional<bool> delete_on_termination;
};

struct TagSpecification {
    std::string resource_type;  // "instance", "volume", "network-interface"
    std::vector<images::Tag> tags;
};

/// What a launch template says, and what a launch says over it: what is absent was left out.
struct LaunchParameters {
    std::optional<std::string> image;  // id or, of a launch template, an alias
    std::optional<std::string> instance_type;
    std::optional<std::string> key_name;
    std::optional<std::string> user_data;  // base64
    std::optional<std::string> zone;
    std::optional<std::string> tenancy;  // "default"
    std::optional<std::string> kernel_id;
    std::optional<std::string> ramdisk_id;
    std::optional<images::ShutdownBehavior> shutdown_behavior;
    std::optional<bool> disable_api_termination;
    std::vector<BlockDeviceOverride> block_devices;
    std::optional<SubnetId> subnet;
    std::optional<std::string> private_address;
    std::vector<SecurityGroupId> security_groups;
    std::vector<std::string> security_group_names;
    std::vector<LaunchInterface> interfaces;  // one, instead of the four above
    MetadataOptionsChange metadata;
    std::vector<TagSpecification> tags;
    // What makes no difference, and is told as it was said.
    std::optional<bool> ebs_optimized;
    std::optional<bool> monitoring;
    std::optional<bool> enclaves;
    std::optional<bool> hibernation;
    std::optional<std::string> cpu_credits;
    std::optional<std::string> metadata_ipv6;  // "disabled"
};

/// `over` where it says something, else `base`. Block devices go by their names, what is said of
/// volumes one by one, and tags by their keys; security groups that `over` names in whatever way
/// stand in the place of all that `base` names.
LaunchParameters overlaid(LaunchParameters base, const LaunchParameters& over);
/// Throws Error{InvalidParameterCombination} for a network interface beside what it is said instead
/// of, and Error{UnsupportedOperation} for a second one.
void check_network(const LaunchParameters& parameters);

/// Throws Error{MissingParameter} without an image, which is an id by now.
RunInstancesRequest run_instances_request(const LaunchParameters& parameters);
inline constexpr const char* default_instance_type = "t3.small";

}  // namespace kiln::launcher
