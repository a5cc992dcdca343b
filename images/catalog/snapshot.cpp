#include "images/catalog/snapshot.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct SnapshotTable {
    static constexpr const char* name = "snapshots";
    static Snapshot blank() {
        return {.id = placeholder_id<SnapshotId>(), .owner = placeholder_account()};
    }
    static void columns(auto& column, auto& snapshot) {
        column("snapshot_id", snapshot.id);
        column("owner", snapshot.owner);
        column("region", snapshot.region);
        column("layer_id", snapshot.layer);
        column("volume_id", snapshot.volume);
        column("state", snapshot.state);
        column("volume_size", snapshot.volume_size);
        column("description", snapshot.description);
        column("created", snapshot.created);
    }
};

}  // namespace

void insert_snapshot(Session& session, const Snapshot& snapshot) {
    insert_row<SnapshotTable>(session, snapshot);
}

Snapshot get_snapshot(Session& session, const Scope& scope, const SnapshotId& id) {
    const auto snapshot = find_snapshot(session, id);
    if (snapshot && snapshot->owner == scope.owner && snapshot->region == scope.region) {
        return *snapshot;
    }
    throw Error("InvalidSnapshot.NotFound", id.str(),
                fmt::format("The snapshot '{}' does not exist.", id.str()));
}

std::optional<Snapshot> find_snapshot(Session& session, const SnapshotId& id) {
    return select_row<SnapshotTable>(session, "where snapshot_id = :id", {{"id", id.str()}});
}

std::vector<Snapshot> list_snapshots(Session& session, const Scope& scope) {
    return select_rows<SnapshotTable>(
        session, "where owner = :owner and region = :region order by created, snapshot_id",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

void complete_snapshot(Session& session, const SnapshotId& id, const LayerId& layer) {
    run_sql(session,
            "update snapshots set state = 'completed', layer_id = :layer where snapshot_id = :id",
            {{"layer", layer.str()}, {"id", id.str()}});
}

void delete_snapshot(Session& session, const SnapshotId& id) {
    run_sql(session,
            "delete from image_block_devices where snapshot_id = :id"
            " and image_id in (select image_id from images where state = 'failed')",
            {{"id", id.str()}});
    run_sql(session, "delete from snapshots where snapshot_id = :id", {{"id", id.str()}});
}

}  // namespace kiln::images
