#include "images/catalog/import_task.hpp"

#include <fmt/format.h>

#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct ImportTaskTable {
    static constexpr const char* name = "import_tasks";
    static ImportTask blank() { return {.owner = placeholder_account()}; }
    static void columns(auto& column, auto& task) {
        column("task_id", task.id);
        column("owner", task.owner);
        column("region", task.region);
        column("state", task.state);
        column("request", task.request);
        column("message", task.message);
        column("image_id", task.image);
        column("result", task.result);
        column("created", task.created);
    }
};

}  // namespace

void insert_import_task(Session& session, const ImportTask& task) {
    const auto active = select_rows<ImportTaskTable>(
        session, "where owner = :owner and state = 'active'", {{"owner", task.owner.str()}});
    if (std::ssize(active) >= max_active_imports) {
        throw Error("ResourceLimitExceeded", "",
                    fmt::format("{} imports of yours have not ended: wait for one, or cancel it "
                                "(kiln cancel-import-task)",
                                active.size()));
    }
    insert_row<ImportTaskTable>(session, task);
}

std::optional<ImportTask> find_import_task(Session& session, const std::string& id) {
    return select_row<ImportTaskTable>(session, "where task_id = :id", {{"id", id}});
}

Error import_task_not_found(const std::string& id) {
    return {"InvalidConversionTaskId", id, fmt::format("The import task '{}' does not exist", id)};
}

ImportTask get_import_task(Session& session, const Scope& scope, const std::string& id) {
    auto task = find_import_task(session, id);
    if (task && task->owner == scope.owner && task->region == scope.region) return std::move(*task);
    throw import_task_not_found(id);
}

std::vector<ImportTask> list_import_tasks(Session& session, const Scope& scope,
                                          const std::string& prefix) {
    return select_rows<ImportTaskTable>(
        session,
        "where owner = :owner and region = :region and task_id like :prefix "
        "order by created, task_id",
        {{"owner", scope.owner.str()}, {"region", scope.region}, {"prefix", prefix + "-%"}});
}

std::vector<ImportTask> unfinished_import_tasks(Session& session) {
    return select_rows<ImportTaskTable>(
        session, "where state in ('active', 'deleting') order by created, task_id");
}

void update_import_task(Session& session, const ImportTask& task) {
    update_row<ImportTaskTable>(session, task);
}

void forget_import_tasks(Session& session, Time before) {
    run_sql(session,
            "delete from import_tasks where state in ('completed', 'deleted') and "
            "created < :before",
            {{"before", to_value(before)}});
}

}  // namespace kiln::images
