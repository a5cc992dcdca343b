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

/// A snapshot points at a frozen layer; while it is pending or has failed, it may have none.
struct Snapshot {
    SnapshotId id;
    AccountId owner;
    std::string region;
    std::optional<LayerId> layer;
    std::optional<VolumeId> volume;
    SnapshotState state;
    std::string state_message;  // why it failed, else empty
    Bytes volume_size;
    Bytes stored_size;  // what its own layer occupies; 0 until it is completed
    std::string description;
    Time created;
    std::optional<std::string> key_id = {};  // of an encrypted one; its layer has the same
};

void insert_snapshot(Session& session, const Snapshot& snapshot);
/// The caller's snapshot. Throws Error{InvalidSnapshot.NotFound}.
Snapshot get_snapshot(Session& session, const Scope& scope, const SnapshotId& id);
/// Whoever owns it: for launches from images that the caller may use.
std::optional<Snapshot> find_snapshot(Session& session, const SnapshotId& id);
/// A snapshot that the caller may make volumes of: its own or one shared with it. Throws
/// Error{InvalidSnapshot.NotFound}, and Error{IncorrectState} unless it is completed.
Snapshot get_usable_snapshot(Session& session, const Scope& scope, const SnapshotId& id);
/// Those of get_usable_snapshot and the caller's own that are not completed.
std::vector<Snapshot> list_snapshots(Session& session, const Scope& scope);
/// The layer that a snapshot turned out to have.
struct SnapshotLayer {
    LayerId layer;
    Bytes stored_size;
};
/// Whether a completed snapshot of the region has the layer, and is charged for it.
bool is_charged_layer(Session& session, const std::string& region, const LayerId& layer);
/// From now on it is charged.
void complete_snapshot(Session& session, const SnapshotId& id, const SnapshotLayer& layer,
                       Time now);
/// What it turned out to be when it was taken; mappings of images that name it follow.
void set_snapshot_size(Session& session, const SnapshotId& id, Bytes volume_size);
/// Why it failed is told with it.
void fail_snapshot(Session& session, const SnapshotId& id, const std::string& message);
/// Failed images forget the snapshot. Throws Error{InternalError} while a pending or available
/// image maps it: ask images_using_snapshot first. It is charged until now.
void delete_snapshot(Session& session, const SnapshotId& id, Time now);

}  // namespace kiln::images
