#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/snapshot.hpp"
#include "base/database.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/snapshot.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const SnapshotId id(arguments.required_text("SnapshotId"));
    services.database.write([&](Session& session) {
        images::get_snapshot(session, caller.scope(), id);
        images::revoke_all(session, id);
        caller.stop_if_dry_run();
    });
    return {};
}

}  // namespace

Action reset_snapshot_attribute() {
    return with_handler<Done>(
        {.name = "ResetSnapshotAttribute",
         .summary = "Let nobody else make volumes of a snapshot any more",
         .example = "kiln reset-snapshot-attribute --snapshot-id snap-0123456789abcdef0 "
                    "--attribute createVolumePermission",
         .parameters = {snapshot_id_parameter(),
                        attribute_parameter("The attribute to reset", {create_volume_permission}),
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
