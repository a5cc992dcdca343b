#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/encryption/keys.hpp"

namespace kiln::launcher {

/// One BlockDeviceMapping.N of a request: what it says about a device, field by field.
struct BlockDeviceOverride {
    std::string device_name;
    bool no_device = false;
    std::string virtual_name;  // "ephemeral0"; types without such a disk ignore it, as in EC2
    std::optional<SnapshotId> snapshot;
    std::optional<Bytes> volume_size;
    std::optional<std::string> volume_type;
    std::optional<bool> delete_on_termination;
    EncryptionRequest encryption;
    // Make no difference; launch templates tell them as they were said.
    std::optional<std::int64_t> iops = {};
    std::optional<std::int64_t> throughput = {};  // MiB per second
};

/// What of an instance's metadata options is to be other than it is.
struct MetadataOptionsChange {
    std::optional<bool> enabled;
    std::optional<bool> tokens_required;
    std::optional<int> hop_limit;
    std::optional<bool> has_tags;
};

/// A throw-away instance of an image of the caller's that is still being made: it may be pending.
struct TrialLaunch {
    std::string public_key;  // lines in OpenSSH's form; one of a key that is in no key pair
};

struct RunInstancesRequest {
    ImageId image;
    std::string instance_type;
    int min_count = 1;
    int max_count = 1;
    std::string key_name;   // empty: none
    std::string user_data;  // base64, as it came
    std::string zone;       // empty: the subnet's, or the region's first
    std::optional<SubnetId> subnet;
    std::vector<SecurityGroupId> security_groups;   // with those that are named: none: the default
    std::vector<std::string> security_group_names;  //
    std::optional<std::string> private_address;     // of the subnet; absent: a free one
    MetadataOptionsChange metadata;
    std::string kernel_id;
    std::string ramdisk_id;
    std::optional<images::ShutdownBehavior> shutdown_behavior;  // absent: stop
    bool disable_api_termination = false;
    std::vector<BlockDeviceOverride> block_devices;
    std::vector<images::Tag> instance_tags;
    std::vector<images::Tag> volume_tags;
    std::vector<images::Tag> interface_tags = {};
    std::string client_token = {};
    /// What makes it the same as another with that token; empty: what it says itself.
    std::string token_digest = {};
    /// Of the service: "aws:ec2launchtemplate:id" and the like. Not what makes a request another.
    std::vector<images::Tag> system_tags = {};
    /// As images::Instance::asked_image; the same.
    std::string asked_image = {};
    /// Of the service: what makes it a trial.
    std::optional<TrialLaunch> trial = {};
};

struct Reservation {
    ReservationId id;
    AccountId owner;
    std::vector<images::Instance> instances;
};

/// What StartInstances, StopInstances and TerminateInstances answer for each instance.
struct InstanceStateChange {
    InstanceId instance;
    images::InstanceState previous;
    images::InstanceState current;
};

struct CreateImageRequest {
    InstanceId instance;
    std::string name;
    std::string description;
    bool no_reboot = false;
    std::vector<BlockDeviceOverride> block_devices;
    std::vector<images::Tag> image_tags;
    std::vector<images::Tag> snapshot_tags;
};

struct RegisterImageRequest {
    std::string name;
    std::string description;
    images::Architecture architecture = images::Architecture::x86_64;
    std::optional<images::VirtualizationType> virtualization_type = {};  // absent: as bundled, hvm
    images::BootMode boot_mode = images::BootMode::legacy_bios;
    std::string imds_support;              // "v2.0", or empty
    std::string tpm_support;               // "v2.0", or empty
    std::string uefi_data;                 // the text of an images::UefiData, or empty
    std::optional<bool> secure_boot = {};  // absent: as uefi_data has it
    std::string location;                  // "bucket/prefix.manifest.xml": an instance-store image
    std::string root_device_name;          // may be empty with a location
    std::string kernel_id;
    std::string ramdisk_id;
    std::vector<BlockDeviceOverride> block_devices;
    std::vector<images::Tag> image_tags;
};

/// One attribute of an instance to change: exactly one of the optionals is set.
struct ModifyInstanceAttributeRequest {
    InstanceId instance;
    std::optional<std::string> instance_type;
    std::optional<std::string> user_data;  // base64
    std::optional<std::string> kernel_id;
    std::optional<std::string> ramdisk_id;
    std::optional<bool> disable_api_termination;
    std::optional<images::ShutdownBehavior> shutdown_behavior;
    std::vector<BlockDeviceOverride> block_devices;  // DeleteOnTermination alone
    std::vector<SecurityGroupId> security_groups;    // in the place of those that it has
    std::optional<bool> source_dest_check = {};      // only true: no guest may send as another
};

/// Where `kiln ssh` finds an instance.
struct InstanceConnection {
    std::string host;
    std::uint16_t port = 0;
    std::string user;
    std::string key_name;
};

}  // namespace kiln::launcher
