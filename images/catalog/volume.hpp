#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

struct VolumeAttachment {
    InstanceId instance;
    std::string device_name;
    AttachmentState state;
    bool delete_on_termination;
    Time attached;
};

/// A volume points at its live layer; a deleted one (not described any more) has none. One whose
/// storage is the instance's own is ephemeral: its instance alone knows it, accounts do not.
struct Volume {
    VolumeId id;
    AccountId owner;
    std::string region;
    std::string zone;
    std::optional<LayerId> layer;
    std::optional<SnapshotId> snapshot;  // what it was made from
    VolumeState state;
    Bytes size;
    std::string volume_type;
    Time created;
    std::optional<VolumeAttachment> attachment;
    DeviceType storage = DeviceType::ebs;
    std::string virtual_name;                // "ephemeral0", …; else empty
    std::optional<std::string> key_id = {};  // of an encrypted one; its layer has the same
};

void insert_volume(Session& session, const Volume& volume);
/// The caller's volume, not an ephemeral one. Throws Error{InvalidVolume.NotFound}.
Volume get_volume(Session& session, const Scope& scope, const VolumeId& id);
/// Whoever owns it; nullopt when there is none of that id or it is deleted.
std::optional<Volume> find_volume(Session& session, const VolumeId& id);
/// The caller's volumes in the region that are not deleted, nor ephemeral.
std::vector<Volume> list_volumes(Session& session, const Scope& scope);
/// The volumes attached to an instance, by device name, whoever owns them.
std::vector<Volume> volumes_of_instance(Session& session, const InstanceId& instance);
/// Those of them that are not ephemeral.
std::vector<Volume> ebs_volumes_of_instance(Session& session, const InstanceId& instance);
/// All volumes of the region that are attached to an instance, but for ephemeral ones: for listings
/// that would else ask one by one.
std::vector<Volume> attached_volumes(Session& session, const Scope& scope);
/// All volumes of the region, whoever owns them, that are not deleted.
std::vector<Volume> all_volumes(Session& session, const std::string& region);
/// The volumes whose chain has the layer, whoever owns them.
std::vector<Volume> volumes_reading_through(Session& session, const std::string& region,
                                            const LayerId& layer);
/// Writes every column of the row anew, by id. What is charged for it changes now.
void update_volume(Session& session, const Volume& volume, Time now);

/// The last change of a volume.
struct VolumeModification {
    VolumeId volume;
    ModificationState state;
    std::string status_message;  // why it failed, else empty
    Bytes original_size;
    std::string original_type;
    Bytes target_size;
    std::string target_type;
    Time started;
    std::optional<Time> ended;
};

/// Inserts it, or overwrites that of an earlier change.
void put_volume_modification(Session& session, const VolumeModification& modification);
std::optional<VolumeModification> find_volume_modification(Session& session, const VolumeId& id);
/// Those of the caller's volumes in the region, by volume id.
std::vector<VolumeModification> list_volume_modifications(Session& session, const Scope& scope);

}  // namespace kiln::images
