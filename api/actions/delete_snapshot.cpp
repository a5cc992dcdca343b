#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/snapshot.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.delete_snapshot(caller, SnapshotId(arguments.required_text("SnapshotId")));
    return {};
}

}  // namespace

Action delete_snapshot() {
    return with_handler<Done>(
        {.name = "DeleteSnapshot",
         .summary = "Delete a snapshot that no image uses; later ones and volumes keep their data",
         .example = "kiln delete-snapshot --snapshot-id snap-0123456789abcdef0",
         .parameters = {snapshot_id_parameter(), dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
