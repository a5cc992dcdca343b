#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/snapshot.hpp"
#include "api/shapes/volume.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

SnapshotView handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    auto tags = tags_for(arguments, "snapshot", {"snapshot"});
    return {.snapshot = services.launcher.create_snapshot(
                caller, {.volume = VolumeId(arguments.required_text("VolumeId")),
                         .description = arguments.text("Description").value_or(""),
                         .tags = tags}),
            .tags = tags};
}

}  // namespace

Action create_snapshot() {
    return with_handler<SnapshotView>(
        {.name = "CreateSnapshot",
         .summary = "Keep a volume as it is now, attached or not, without copying a byte",
         .example = "kiln create-snapshot --volume-id vol-0123456789abcdef0 --wait",
         .parameters = {volume_id_parameter(),
                        {.name = "Description", .wire = "Description", .help = "What it is"},
                        tag_specifications_parameter(),
                        dry_run_parameter()},
         .table = {.columns = {"SnapshotId", "VolumeId", "VolumeSize", "State"}},
         .waiter = Waiter{.action = "DescribeSnapshots",
                          .parameter = "SnapshotId",
                          .ids = "SnapshotId",
                          .state = "Snapshots.State",
                          .wanted = "completed",
                          .failed = {"error"},
                          .reason = "Snapshots.StateMessage"}},
        snapshot_structure(), handle);
}

}  // namespace kiln::api
