#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/export_task.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using Values = std::vector<std::string>;
using View = ExportTaskView;
using Result = Page<View>;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "ExportImageTasks", "exportImageTaskSet", export_task_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"task-state", [](const View& v) { return Values{std::string(to_text(v.task.state))}; }},
         {"image-id", [](const View& v) { return Values{v.task.image.str()}; }}});
    return table;
}

Error not_found(const images::ExportTaskId& id) {
    return {"InvalidExportTaskID.NotFound", id.str(),
            "The export task '" + id.str() + "' does not exist."};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "ExportImageTaskId");
    std::vector<View> views;
    const auto tasks = services.database.read(
        [&](Session& session) { return images::list_export_tasks(session, caller.scope()); });
    for (const images::ExportTask& task : tasks)
        views.push_back(view_of(services.exports, task));
    keep_ids<View, images::ExportTaskId>(
        views, ids_of<images::ExportTaskId>(arguments, "ExportImageTaskId"),
        [](const View& v) -> const images::ExportTaskId& { return v.task.id; }, not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views),
                         [](const View& v) { return v.task.id.str(); });
}

}  // namespace

Action describe_export_image_tasks() {
    return with_handler<Result>(
        {.name = "DescribeExportImageTasks",
         .summary = "Show the exports that go on, and those of the last days",
         .example = "kiln describe-export-image-tasks",
         .parameters = {ids_parameter("ExportImageTaskId", "Ids of the tasks"), filters_parameter(),
                        max_results_parameter(), next_token_parameter(), dry_run_parameter()},
         .table = {.rows = "ExportImageTasks",
                   .columns = {"ExportImageTaskId", "ImageId", "DiskImageFormat", "Progress",
                               "Status", "StatusMessage", "FileSize"}}},
        output(), handle);
}

}  // namespace kiln::api
