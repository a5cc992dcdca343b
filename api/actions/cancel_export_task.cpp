#include "api/action.hpp"
#include "builder/export/exports.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.exports.cancel_export_task(
        caller, images::ExportTaskId(arguments.required_text("ExportTaskId")));
    return {};
}

}  // namespace

Action cancel_export_task() {
    return with_handler<Done>(
        {.name = "CancelExportTask",
         .summary = "End an export that goes on, and remove what there is of it",
         .example = "kiln cancel-export-task --export-task-id export-ami-0123456789abcdef0",
         .parameters = {{.name = "ExportTaskId",
                         .wire = "ExportTaskId",
                         .required = true,
                         .help = "The task"},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
