#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "builder/import/importer.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::string task;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("ImportTaskId", "importTaskId", [](const Result& r) { return r.task; })
        .text("PreviousState", "previousState", [](const Result&) { return std::string("active"); })
        .text("State", "state", [](const Result&) { return std::string("deleted"); });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const std::string task = arguments.required_text("ImportTaskId");
    services.importer.cancel_import_task(caller, task, arguments.text("CancelReason").value_or(""));
    return {task};
}

}  // namespace

Action cancel_import_task() {
    return with_handler<Result>(
        {.name = "CancelImportTask",
         .summary = "End the import of an image or a snapshot; nothing of it is left",
         .example = "kiln cancel-import-task --import-task-id import-ami-0123456789abcdef0",
         .parameters = {{.name = "ImportTaskId",
                         .wire = "ImportTaskId",
                         .required = true,
                         .help = "The task that has not ended"},
                        {.name = "CancelReason",
                         .wire = "CancelReason",
                         .help = "What the task is to tell of it"},
                        dry_run_parameter()},
         .table = {.columns = {"ImportTaskId", "PreviousState", "State"}}},
        output(), handle);
}

}  // namespace kiln::api
