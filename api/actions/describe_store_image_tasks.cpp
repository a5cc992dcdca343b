#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "images/catalog/store_image_task.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using Values = std::vector<std::string>;

struct View {
    images::StoreImageTask task;
    std::int64_t percent = 0;
};
using Result = Page<View>;

Structure<Result> output() {
    static const auto task =
        Structure<View>()
            .text("AmiId", "amiId", [](const View& v) { return v.task.image.str(); })
            .text("TaskStartTime", "taskStartTime",
                  [](const View& v) { return format_time(v.task.started); })
            .text("Bucket", "bucket", [](const View& v) { return v.task.bucket; })
            .text("S3objectKey", "s3objectKey", [](const View& v) { return v.task.object_key; })
            .integer("ProgressPercentage", "progressPercentage",
                     [](const View& v) { return v.percent; })
            .text("StoreTaskState", "storeTaskState",
                  [](const View& v) { return std::string(to_text(v.task.state)); })
            .text("StoreTaskFailureReason", "storeTaskFailureReason",
                  [](const View& v) -> std::optional<std::string> {
                      if (v.task.failure.empty()) return std::nullopt;
                      return v.task.failure;
                  });
    return Structure<Result>()
        .list(
            "StoreImageTaskResults", "storeImageTaskResultSet", task,
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"bucket", [](const View& v) { return Values{v.task.bucket}; }},
         {"task-state", [](const View& v) { return Values{std::string(to_text(v.task.state))}; }}});
    return table;
}

Error not_found(const ImageId& id) {
    return {"InvalidAMIID.NotFound", id.str(), "The image id '[" + id.str() + "]' was not stored"};
}

std::int64_t percent_of(const launcher::Launcher& launcher, const images::StoreImageTask& task) {
    constexpr std::int64_t whole = 100;
    if (task.state == images::StoreTaskState::completed) return whole;
    return launcher.stored_percent(task.image).value_or(0);
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    check_ids_or_pages(arguments, "ImageId");
    std::vector<View> views;
    const auto tasks = services.database.read(
        [&](Session& session) { return images::list_store_image_tasks(session, caller.scope()); });
    for (const images::StoreImageTask& task : tasks)
        views.push_back({.task = task, .percent = percent_of(services.launcher, task)});
    keep_ids<View, ImageId>(
        views, ids_of<ImageId>(arguments, "ImageId"),
        [](const View& v) -> const ImageId& { return v.task.image; }, not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    return page_of<View>(arguments, std::move(views),
                         [](const View& v) { return v.task.image.str() + v.task.bucket; });
}

}  // namespace

Action describe_store_image_tasks() {
    return with_handler<Result>(
        {.name = "DescribeStoreImageTasks",
         .summary = "Show the images that are being stored, and those of the last 31 days",
         .example = "kiln describe-store-image-tasks",
         .parameters = {ids_parameter("ImageId", "Ids of the images"), filters_parameter(),
                        max_results_parameter(), next_token_parameter(), dry_run_parameter()},
         .table = {.rows = "StoreImageTaskResults",
                   .columns = {"AmiId", "Bucket", "S3objectKey", "ProgressPercentage",
                               "StoreTaskState", "TaskStartTime"}}},
        output(), handle);
}

}  // namespace kiln::api
