#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/catalog/tag.hpp"
#include "launcher/encryption/keys.hpp"

namespace kiln::launcher {

/// EC2's; they are kept and shown, and all are equally quick here.
inline constexpr std::array volume_types{"gp2", "gp3", "io1", "io2", "sc1", "st1", "standard"};

struct CreateVolumeRequest {
    std::string zone;
    std::optional<Bytes> size;  // absent: the snapshot's
    std::optional<SnapshotId> snapshot;
    std::string volume_type = "gp3";
    std::vector<images::Tag> tags;
    std::string client_token;
    EncryptionRequest encryption;
};

struct AttachVolumeRequest {
    VolumeId volume;
    InstanceId instance;
    std::string device_name;
};

struct DetachVolumeRequest {
    VolumeId volume;
    std::optional<InstanceId> instance;      // must be the one that has it
    std::optional<std::string> device_name;  // must be the one that it has
    /// A volume that is being detached already is no error: the guest is asked again.
    bool force = false;
};

struct ModifyVolumeRequest {
    VolumeId volume;
    std::optional<Bytes> size;
    std::optional<std::string> volume_type;
};

struct CreateSnapshotRequest {
    VolumeId volume;
    std::string description;
    std::vector<images::Tag> tags;
};

struct CreateSnapshotsRequest {
    InstanceId instance;
    bool exclude_boot_volume = false;
    std::vector<VolumeId> excluded_volumes;  // none may be the boot volume
    std::string description;
    bool copy_tags_from_volume = false;
    std::vector<images::Tag> tags;
};

/// Who gets or loses createVolumePermission: account ids and images::everybody.
struct ModifySnapshotAttributeRequest {
    SnapshotId snapshot;
    std::vector<std::string> add;
    std::vector<std::string> remove;
};

}  // namespace kiln::launcher
