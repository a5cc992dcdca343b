#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/shapes/bundle_task.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using View = BundleTaskView;
using Values = std::vector<std::string>;

struct Result {
    std::vector<View> tasks;
};

Structure<Result> output() {
    return Structure<Result>().list(
        "BundleTasks", "bundleInstanceTasksSet", bundle_task_structure(),
        [](const Result& r) -> const auto& { return r.tasks; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"bundle-id", [](const View& v) { return Values{v.task.id.str()}; }},
         {"error-code", [](const View& v) { return Values{v.task.error_code}; }},
         {"error-message", [](const View& v) { return Values{v.task.error_message}; }},
         {"instance-id", [](const View& v) { return Values{v.task.instance.str()}; }},
         {"progress", [](const View& v) { return Values{progress_of(v)}; }},
         {"s3-bucket", [](const View& v) { return Values{v.task.bucket}; }},
         {"s3-prefix", [](const View& v) { return Values{v.task.prefix}; }},
         {"start-time", [](const View& v) { return Values{format_time(v.task.started)}; }},
         {"state", [](const View& v) { return Values{std::string(to_text(v.task.state))}; }},
         {"update-time", [](const View& v) { return Values{format_time(v.task.updated)}; }}});
    return table;
}

Error not_found(const images::BundleTaskId& id) {
    return {"InvalidBundleID.NotFound", id.str(),
            "The bundle task '" + id.str() + "' does not exist."};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result;
    const auto tasks = services.database.read(
        [&](Session& session) { return images::list_bundle_tasks(session, caller.scope()); });
    for (const images::BundleTask& task : tasks) {
        result.tasks.push_back(
            {.task = task, .percent = services.launcher.bundled_percent(task.id)});
    }
    keep_ids<View, images::BundleTaskId>(
        result.tasks, ids_of<images::BundleTaskId>(arguments, "BundleId"),
        [](const View& v) -> const images::BundleTaskId& { return v.task.id; }, not_found);
    filters().apply(filters_of(arguments), result.tasks);
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_bundle_tasks() {
    return with_handler<Result>(
        {.name = "DescribeBundleTasks",
         .summary = "Show the bundling of instances, that which goes on and that of the last day",
         .example = "kiln describe-bundle-tasks",
         .parameters = {ids_parameter("BundleId", "Ids of the tasks"), filters_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "BundleTasks",
                   .columns = {"BundleId", "InstanceId", "State", "Progress", "Storage.S3.Bucket",
                               "Storage.S3.Prefix", "StartTime"}}},
        output(), handle);
}

}  // namespace kiln::api
