#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/launch_permission.hpp"
#include "api/shapes/snapshot.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

launcher::ModifySnapshotAttributeRequest request_of(const Arguments& arguments) {
    const PermissionChange change = permission_change(arguments, "CreateVolumePermission");
    return {.snapshot = SnapshotId(arguments.required_text("SnapshotId")),
            .add = change.add.all(),
            .remove = change.remove.all()};
}

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.modify_snapshot_attribute(caller, request_of(arguments));
    return {};
}

Parameter permissions(const char* name, const char* help) {
    return {.name = name,
            .wire = name,
            .shape = Shape::structure,
            .list = true,
            .help = help,
            .members = {
                {.name = "UserId", .wire = "UserId", .help = "An account id"},
                {.name = "Group", .wire = "Group", .help = "Every account", .choices = {"all"}}}};
}

}  // namespace

Action modify_snapshot_attribute() {
    return with_handler<Done>(
        {.name = "ModifySnapshotAttribute",
         .summary = "Let other accounts make volumes of a snapshot, or no longer",
         .example = "kiln modify-snapshot-attribute --snapshot-id snap-0123456789abcdef0 "
                    "--operation-type add --user-ids 123456789012",
         .parameters = {snapshot_id_parameter(),
                        {.name = "Attribute",
                         .wire = "Attribute",
                         .help = "The attribute to change",
                         .choices = {create_volume_permission}},
                        {.name = "OperationType",
                         .wire = "OperationType",
                         .help = "What to do with --user-ids and --group-names",
                         .choices = {"add", "remove"}},
                        {.name = "UserIds", .wire = "UserId", .list = true, .help = "Account ids"},
                        {.name = "GroupNames",
                         .wire = "UserGroup",
                         .list = true,
                         .help = "all stands for every account",
                         .choices = {"all"}},
                        {.name = "CreateVolumePermission",
                         .wire = "CreateVolumePermission",
                         .shape = Shape::structure,
                         .help = "The changes in one structure",
                         .members = {permissions("Add", "Who gets the permission"),
                                     permissions("Remove", "Who loses it")}},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
