#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/import_task.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

const std::vector<std::string> tagged{"import-snapshot-task", "snapshot"};

ImportTaskView handle(Services& services, const images::Caller& caller,
                      const Arguments& arguments) {
    const builder::ImportSnapshotRequest request{
        .disk = disk_container_of(arguments.structure("DiskContainer")),
        .description = arguments.text("Description").value_or(""),
        .task_tags = tags_for(arguments, "import-snapshot-task", tagged),
        .snapshot_tags = tags_for(arguments, "snapshot", tagged),
        .client_token = arguments.text("ClientToken").value_or("")};
    const images::ImportTask task = services.importer.import_snapshot(caller, request);
    return services.database.read(
        [&](Session& session) { return view_of(session, services.importer, task); });
}

}  // namespace

Action import_snapshot() {
    return with_handler<ImportTaskView>(
        {.name = "ImportSnapshot",
         .summary = "Make a snapshot of a disk that was made elsewhere",
         .example = "kiln import-snapshot --disk-container "
                    "Url=https://example.com/data.vhd,Format=vhd --wait",
         .parameters = {{.name = "DiskContainer",
                         .wire = "DiskContainer",
                         .shape = Shape::structure,
                         .required = true,
                         .help = "The disk",
                         .members = disk_container_members()},
                        {.name = "Description",
                         .wire = "Description",
                         .help = "Description of the snapshot"},
                        client_token_parameter(),
                        tag_specifications_parameter(),
                        dry_run_parameter()},
         .table = {.columns = {"ImportTaskId", "SnapshotTaskDetail.Status",
                               "SnapshotTaskDetail.StatusMessage"}},
         .waiter = Waiter{.action = "DescribeImportSnapshotTasks",
                          .parameter = "ImportTaskId",
                          .ids = "ImportTaskId",
                          .state = "ImportSnapshotTasks.SnapshotTaskDetail.Status",
                          .wanted = "completed",
                          .failed = {"deleted"},
                          .reason = "ImportSnapshotTasks.SnapshotTaskDetail.StatusMessage"}},
        import_snapshot_task_structure(), handle);
}

}  // namespace kiln::api
