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
    Bytes volume_size;
    std::string description;
    Time created;
};

void insert_snapshot(Session& session, const Snapshot& snapshot);
/// The caller's snapshot. Throws Error{InvalidSnapshot.NotFound}.
Snapshot get_snapshot(Session& session, const Scope& scope, const SnapshotId& id);
/// Whoever owns it: for launches from images that the caller may use.
std::optional<Snapshot> find_snapshot(Session& session, const SnapshotId& id);
std::vector<Snapshot> list_snapshots(Session& session, const Scope& scope);
void complete_snapshot(Session& session, const SnapshotId& id, const LayerId& layer);
/// Failed images forget the snapshot. Throws Error{InternalError} while a pending or available
/// image maps it: ask images_using_snapshot first.
void delete_snapshot(Session& session, const SnapshotId& id);

}  // namespace kiln::images
