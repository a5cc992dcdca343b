#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/import_task.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using Values = std::vector<std::string>;
using View = ImportTaskView;
using Result = Page<View>;

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "ImportImageTasks", "importImageTaskSet", import_image_task_structure(),
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"task-state", [](const View& v) { return Values{std::string(to_text(v.task.state))}; }}});
    return table;
}

Error not_found(const images::ImportImageTaskId& id) {
    return {"InvalidConversionTaskId", id.str(),
            "The import task '" + id.str() + "' does not exist"};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "ImportTaskId");
    std::vector<View> views;
    services.database.read([&](Session& session) {
        for (const images::ImportTask& task : images::list_import_tasks(
                 session, caller.scope(), images::ImportImageTaskId::prefix)) {
            views.push_back(view_of(session, services.importer, task));
        }
    });
    std::vector<std::string> ids;
    for (const auto& id : ids_of<images::ImportImageTaskId>(arguments, "ImportTaskId"))
        ids.push_back(id.str());
    keep_ids<View, std::string>(
        views, ids, [](const View& v) -> const std::string& { return v.task.id; },
        [](const std::string& id) { return not_found(images::ImportImageTaskId(id)); });
    filters().apply(import_task_filters_of(arguments), views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views), [](const View& v) { return v.task.id; });
}

}  // namespace

Action describe_import_image_tasks() {
    return with_handler<Result>(
        {.name = "DescribeImportImageTasks",
         .summary = "Show the images that are being imported, and those of the last week",
         .example = "kiln describe-import-image-tasks",
         .parameters = {ids_parameter("ImportTaskId", "Ids of the tasks"),
                        import_task_filters_parameter(), max_results_parameter(),
                        next_token_parameter(), dry_run_parameter()},
         .table = {.rows = "ImportImageTasks",
                   .columns = {"ImportTaskId", "ImageId", "Status", "Progress", "StatusMessage"}}},
        output(), handle);
}

}  // namespace kiln::api
