#include "api/action.hpp"
#include "builder/export/exports.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.exports.delete_exported_image(
        caller, images::ExportTaskId(arguments.required_text("ExportImageTaskId")));
    return {};
}

}  // namespace

Action delete_exported_image() {
    return with_handler<Done>(
        {.name = "DeleteExportedImage",
         .summary = "Remove the file of an export that is completed, from its bucket, too",
         .example = "kiln delete-exported-image --export-image-task-id "
                    "export-ami-0123456789abcdef0",
         .parameters = {{.name = "ExportImageTaskId",
                         .wire = "ExportImageTaskId",
                         .required = true,
                         .help = "The task"},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
