#include "api/action.hpp"
#include "api/shapes/import_task.hpp"

namespace kiln::api {

namespace {

using Result = Page<ImportTaskView>;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "ImportImageTasks", "importImageTaskSet", import_image_task_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    return describe_import_tasks(services, caller, arguments, images::ImportImageTaskId::prefix);
}

}  // namespace

Action describe_import_image_tasks() {
    return with_handler<Result>(
        {.name = "DescribeImportImageTasks",
         .summary = "Show the images that are being imported, and those of the last week",
         .example = "kiln describe-import-image-tasks",
         .parameters = import_task_parameters(),
         .table = {.rows = "ImportImageTasks",
                   .columns = {"ImportTaskId", "ImageId", "Status", "Progress", "StatusMessage"}}},
        output(), handle);
}

}  // namespace kiln::api
