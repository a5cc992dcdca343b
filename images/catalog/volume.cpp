#include "images/catalog/volume.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/quota.hpp"
#include "images/catalog/table.hpp"
#include "images/catalog/usage.hpp"

namespace kiln::images {

namespace {

/// A volume as it stands in the table: the attachment's columns are there without one, too.
struct VolumeRow {
    Volume volume;
    std::optional<InstanceId> instance;
    std::string device_name;
    AttachmentState attach_state = AttachmentState::none;
    bool delete_on_termination = false;
    Time attached;
};

struct VolumeTable {
    static constexpr const char* name = "volumes";
    static VolumeRow blank() {
        return {
            .volume = {.id = placeholder_id<VolumeId>(), .owner = placeholder_account()},
        };
    }
    static void columns(auto& column, auto& row) {
        column("volume_id", row.volume.id);
        column("owner", row.volume.owner);
        column("region", row.volume.region);
        column("zone", row.volume.zone);
        column("layer_id", row.volume.layer);
        column("snapshot_id", row.volume.snapshot);
        column("state", row.volume.state);
        column("size", row.volume.size);
        column("volume_type", row.volume.volume_type);
        column("created", row.volume.created);
        column("instance_id", row.instance);
        column("device_name", row.device_name);
        column("attach_state", row.attach_state);
        column("delete_on_termination", row.delete_on_termination);
        column("attached", row.attached);
        column("storage", row.volume.storage);
        column("virtual_name", row.volume.virtual_name);
        column("key_id", row.volume.key_id);
    }
};

struct ModificationTable {
    static constexpr const char* name = "volume_modifications";
    static VolumeModification blank() { return {.volume = placeholder_id<VolumeId>()}; }
    static void columns(auto& column, auto& modification) {
        column("volume_id", modification.volume);
        column("state", modification.state);
        column("status_message", modification.status_message);
        column("original_size", modification.original_size);
        column("original_type", modification.original_type);
        column("target_size", modification.target_size);
        column("target_type", modification.target_type);
        column("started", modification.started);
        column("ended", modification.ended);
    }
};

VolumeRow to_row(const Volume& volume) {
    if (!volume.attachment) return {.volume = volume};
    const VolumeAttachment& attachment = *volume.attachment;
    return {.volume = volume,
            .instance = attachment.instance,
            .device_name = attachment.device_name,
            .attach_state = attachment.state,
            .delete_on_termination = attachment.delete_on_termination,
            .attached = attachment.attached};
}

Volume to_volume(const VolumeRow& row) {
    Volume volume = row.volume;
    if (row.instance) {
        volume.attachment = VolumeAttachment{.instance = *row.instance,
                                             .device_name = row.device_name,
                                             .state = row.attach_state,
                                             .delete_on_termination = row.delete_on_termination,
                                             .attached = row.attached};
    }
    return volume;
}

std::vector<Volume> select_volumes(Session& session, std::string_view rest,
                                   const std::vector<SqlParameter>& parameters) {
    std::vector<Volume> volumes;
    for (const VolumeRow& row : select_rows<VolumeTable>(session, rest, parameters))
        volumes.push_back(to_volume(row));
    return volumes;
}

bool is_charged(VolumeState state) {
    switch (state) {
        case VolumeState::creating:
        case VolumeState::available:
        case VolumeState::in_use:
            return true;
        case VolumeState::deleting:
        case VolumeState::deleted:
        case VolumeState::error:
            return false;
    }
    return false;
}

void meter(Session& session, const Volume& volume, Time now) {
    if (volume.storage == DeviceType::instance_store) return;  // its instance is charged
    if (!is_charged(volume.state)) {
        meter_end(session, volume.id.str(), now);
        return;
    }
    meter_start(session,
                {.owner = volume.owner,
                 .region = volume.region,
                 .resource_id = volume.id.str(),
                 .kind = UsageKind::volume,
                 .type = volume.volume_type,
                 .size = volume.size},
                now);
}

}  // namespace

void insert_volume(Session& session, const Volume& volume) {
    if (volume.storage == DeviceType::ebs) check_volume_quota(session, volume.owner, volume.size);
    insert_row<VolumeTable>(session, to_row(volume));
    meter(session, volume, volume.created);
}

Volume get_volume(Session& session, const Scope& scope, const VolumeId& id) {
    const auto row = select_row<VolumeTable>(
        session,
        "where volume_id = :id and owner = :owner and region = :region and storage = 'ebs'"
        " and state <> 'deleted'",
        {{"id", id.str()}, {"owner", scope.owner.str()}, {"region", scope.region}});
    if (row) return to_volume(*row);
    throw Error("InvalidVolume.NotFound", id.str(),
                fmt::format("The volume '{}' does not exist.", id.str()));
}

std::optional<Volume> find_volume(Session& session, const VolumeId& id) {
    const auto row = select_row<VolumeTable>(
        session, "where volume_id = :id and state <> 'deleted'", {{"id", id.str()}});
    if (!row) return std::nullopt;
    return to_volume(*row);
}

std::vector<Volume> list_volumes(Session& session, const Scope& scope) {
    return select_volumes(session,
                          "where owner = :owner and region = :region and storage = 'ebs'"
                          " and state <> 'deleted' order by created, volume_id",
                          {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<Volume> volumes_of_instance(Session& session, const InstanceId& instance) {
    return select_volumes(session, "where instance_id = :instance order by device_name, volume_id",
                          {{"instance", instance.str()}});
}

std::vector<Volume> ebs_volumes_of_instance(Session& session, const InstanceId& instance) {
    return select_volumes(
        session,
        "where instance_id = :instance and storage = 'ebs' order by device_name, volume_id",
        {{"instance", instance.str()}});
}

std::vector<Volume> attached_volumes(Session& session, const Scope& scope) {
    return select_volumes(
        session,
        "where owner = :owner and region = :region and storage = 'ebs'"
        " and instance_id is not null order by instance_id, device_name, volume_id",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<Volume> all_volumes(Session& session, const std::string& region) {
    return select_volumes(session,
                          "where region = :region and state <> 'deleted' order by volume_id",
                          {{"region", region}});
}

std::vector<Volume> volumes_reading_through(Session& session, const std::string& region,
                                            const LayerId& layer) {
    return select_volumes(
        session,
        fmt::format("where region = :region and layer_id in ({}) order by volume_id",
                    layers_standing_on),
        {{"region", region}, {"id", layer.str()}});
}

void update_volume(Session& session, const Volume& volume, Time now) {
    update_row<VolumeTable>(session, to_row(volume));
    meter(session, volume, now);
}

void put_volume_modification(Session& session, const VolumeModification& modification) {
    run_sql(session, "delete from volume_modifications where volume_id = :id",
            {{"id", modification.volume.str()}});
    insert_row<ModificationTable>(session, modification);
}

std::optional<VolumeModification> find_volume_modification(Session& session, const VolumeId& id) {
    return select_row<ModificationTable>(session, "where volume_id = :id", {{"id", id.str()}});
}

std::vector<VolumeModification> list_volume_modifications(Session& session, const Scope& scope) {
    return select_rows<ModificationTable>(
        session,
        "where volume_id in (select volume_id from volumes where owner = :owner"
        "  and region = :region and state <> 'deleted') order by volume_id",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

}  // namespace kiln::images
