#include "images/catalog/bundle_task.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct BundleTaskTable {
    static constexpr const char* name = "bundle_tasks";
    static BundleTask blank() {
        return {.id = placeholder_id<BundleTaskId>(),
                .owner = placeholder_account(),
                .instance = placeholder_id<InstanceId>()};
    }
    static void columns(auto& column, auto& task) {
        column("task_id", task.id);
        column("owner", task.owner);
        column("region", task.region);
        column("instance_id", task.instance);
        column("bucket", task.bucket);
        column("prefix", task.prefix);
        column("state", task.state);
        column("error_code", task.error_code);
        column("error_message", task.error_message);
        column("started", task.started);
        column("updated", task.updated);
    }
};

}  // namespace

void insert_bundle_task(Session& session, const BundleTask& task) {
    insert_row<BundleTaskTable>(session, task);
}

BundleTask get_bundle_task(Session& session, const Scope& scope, const BundleTaskId& id) {
    auto task = find_bundle_task(session, id);
    if (task && task->owner == scope.owner && task->region == scope.region) return *task;
    throw Error("InvalidBundleID.NotFound", id.str(),
                fmt::format("The bundle task '{}' does not exist.", id.str()));
}

std::optional<BundleTask> find_bundle_task(Session& session, const BundleTaskId& id) {
    return select_row<BundleTaskTable>(session, "where task_id = :id", {{"id", id.str()}});
}

std::vector<BundleTask> list_bundle_tasks(Session& session, const Scope& scope) {
    return select_rows<BundleTaskTable>(
        session, "where owner = :owner and region = :region order by started, task_id",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

void update_bundle_task(Session& session, const BundleTask& task) {
    update_row<BundleTaskTable>(session, task);
}

void forget_bundle_tasks(Session& session, Time before) {
    run_sql(session,
            "delete from bundle_tasks where state in ('complete', 'failed') and updated < :before",
            {{"before", to_value(before)}});
}

}  // namespace kiln::images
