#include "api/action.hpp"
#include "api/shapes/import_task.hpp"

namespace kiln::api {

namespace {

using Result = Page<ImportTaskView>;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "ImportSnapshotTasks", "importSnapshotTaskSet", import_snapshot_task_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    return describe_import_tasks(services, caller, arguments, images::ImportSnapshotTaskId::prefix);
}

}  // namespace

Action describe_import_snapshot_tasks() {
    return with_handler<Result>(
        {.name = "DescribeImportSnapshotTasks",
         .summary = "Show the snapshots that are being imported, and those of the last week",
         .example = "kiln describe-import-snapshot-tasks",
         .parameters = import_task_parameters(),
         .table = {.rows = "ImportSnapshotTasks",
                   .columns = {"ImportTaskId", "SnapshotTaskDetail.SnapshotId",
                               "SnapshotTaskDetail.Status", "SnapshotTaskDetail.Progress",
                               "SnapshotTaskDetail.StatusMessage"}}},
        output(), handle);
}

}  // namespace kiln::api
