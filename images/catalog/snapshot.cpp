#include "images/catalog/snapshot.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/table.hpp"
#include "images/catalog/usage.hpp"

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
        column("stored_size", snapshot.stored_size);
        column("description", snapshot.description);
        column("state_message", snapshot.state_message);
        column("created", snapshot.created);
        column("key_id", snapshot.key_id);
    }
};

[[noreturn]] void throw_not_found(const SnapshotId& id) {
    throw Error("InvalidSnapshot.NotFound", id.str(),
                fmt::format("The snapshot '{}' does not exist.", id.str()));
}

void meter(Session& session, const Snapshot& snapshot, Time now) {
    if (snapshot.state != SnapshotState::completed) return;
    meter_start(session,
                {.owner = snapshot.owner,
                 .region = snapshot.region,
                 .resource_id = snapshot.id.str(),
                 .kind = UsageKind::snapshot,
                 .type = "snapshot",
                 .size = snapshot.stored_size},
                now);
}

}  // namespace

void insert_snapshot(Session& session, const Snapshot& snapshot) {
    insert_row<SnapshotTable>(session, snapshot);
    meter(session, snapshot, snapshot.created);
}

Snapshot get_snapshot(Session& session, const Scope& scope, const SnapshotId& id) {
    const auto snapshot = find_snapshot(session, id);
    if (snapshot && snapshot->owner == scope.owner && snapshot->region == scope.region) {
        return *snapshot;
    }
    throw_not_found(id);
}

Snapshot get_usable_snapshot(Session& session, const Scope& scope, const SnapshotId& id) {
    auto snapshot = find_snapshot(session, id);
    if (!snapshot || snapshot->region != scope.region ||
        (snapshot->owner != scope.owner && !is_shared_with(session, id, scope.owner))) {
        throw_not_found(id);
    }
    if (snapshot->state != SnapshotState::completed) {
        throw Error("IncorrectState", id.str(),
                    fmt::format("the snapshot '{}' is not completed: it is {}", id.str(),
                                to_text(snapshot->state)));
    }
    return *std::move(snapshot);
}

std::optional<Snapshot> find_snapshot(Session& session, const SnapshotId& id) {
    return select_row<SnapshotTable>(session, "where snapshot_id = :id", {{"id", id.str()}});
}

std::vector<Snapshot> list_snapshots(Session& session, const Scope& scope) {
    return select_rows<SnapshotTable>(
        session,
        "where region = :region and (owner = :owner or state = 'completed' and snapshot_id in"
        "  (select snapshot_id from snapshot_permissions where grantee in (:owner, :everybody)"
        "   or grantee in (select arn from account_arns where account_id = :owner))"
        "  and owner not in (select account_id from accounts where state = 'SUSPENDED'))"
        " order by created, snapshot_id",
        {{"owner", scope.owner.str()}, {"region", scope.region}, {"everybody", everybody}});
}

bool is_charged_layer(Session& session, const std::string& region, const LayerId& layer) {
    Statement row(session,
                  "select 1 from snapshots"
                  " where region = :region and layer_id = :layer and state = 'completed'",
                  {{"region", region}, {"layer", layer.str()}}, {ColumnType::number});
    return row.next();
}

void complete_snapshot(Session& session, const SnapshotId& id, const SnapshotLayer& layer,
                       Time now) {
    run_sql(
        session,
        "update snapshots set state = 'completed', layer_id = :layer, stored_size = :stored"
        " where snapshot_id = :id",
        {{"layer", layer.layer.str()}, {"stored", to_value(layer.stored_size)}, {"id", id.str()}});
    const auto snapshot = find_snapshot(session, id);
    if (snapshot) meter(session, *snapshot, now);
}

void set_snapshot_size(Session& session, const SnapshotId& id, Bytes volume_size) {
    const std::vector<SqlParameter> parameters{{"size", to_value(volume_size)}, {"id", id.str()}};
    run_sql(session, "update snapshots set volume_size = :size where snapshot_id = :id",
            parameters);
    run_sql(session, "update image_block_devices set volume_size = :size where snapshot_id = :id",
            parameters);
}

void fail_snapshot(Session& session, const SnapshotId& id, const std::string& message) {
    run_sql(session,
            "update snapshots set state = 'error', state_message = :message"
            " where snapshot_id = :id",
            {{"message", message}, {"id", id.str()}});
}

void delete_snapshot(Session& session, const SnapshotId& id, Time now) {
    run_sql(session,
            "delete from image_block_devices where snapshot_id = :id"
            " and image_id in (select image_id from images where state = 'failed')",
            {{"id", id.str()}});
    run_sql(session, "delete from snapshots where snapshot_id = :id", {{"id", id.str()}});
    meter_end(session, id.str(), now);
}

}  // namespace kiln::images
