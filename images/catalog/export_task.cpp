#include "images/catalog/export_task.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

// How they stand in columns: found where the table is read.

static void parse_word(std::string_view text, ExportTaskState& field) {
    field = parse_export_task_state(text);
}

static void parse_word(std::string_view text, DiskImageFormat& field) {
    field = parse_disk_image_format(text);
}

namespace {

template <class Enum, std::size_t Count>
Enum parse(std::string_view text, const char* attribute, const std::array<Enum, Count>& values) {
    std::string words;
    for (const Enum value : values) {
        if (to_text(value) == text) return value;
        words += fmt::format("{}{}", words.empty() ? "" : ", ", to_text(value));
    }
    throw Error(
        error_code::invalid_parameter_value, std::string(text),
        fmt::format("Value ({}) for {} is invalid: expecting one of {}", text, attribute, words));
}

struct ExportTaskTable {
    static constexpr const char* name = "export_tasks";
    static ExportTask blank() {
        return {.id = placeholder_id<ExportTaskId>(),
                .owner = placeholder_account(),
                .image = placeholder_id<ImageId>()};
    }
    static void columns(auto& column, auto& task) {
        column("task_id", task.id);
        column("owner", task.owner);
        column("region", task.region);
        column("image_id", task.image);
        column("base_image_id", task.base);
        column("disk_image_format", task.format);
        column("description", task.description);
        column("role_name", task.role_name);
        column("bucket", task.bucket);
        column("object_prefix", task.object_prefix);
        column("state", task.state);
        column("status_message", task.status_message);
        column("virtual_size", task.virtual_size);
        column("file_size", task.file_size);
        column("sha256", task.sha256);
        column("started", task.started);
        column("updated", task.updated);
    }
};

std::int64_t count(Session& session, const char* sql, const std::vector<SqlParameter>& parameters) {
    Statement row(session, sql, parameters, {ColumnType::number});
    return row.next() && !row.is_null(0) ? row.number(0) : 0;
}

}  // namespace

std::string_view to_text(ExportTaskState value) {
    switch (value) {
        case ExportTaskState::active:
            return "active";
        case ExportTaskState::completed:
            return "completed";
        case ExportTaskState::deleting:
            return "deleting";
        case ExportTaskState::deleted:
            return "deleted";
    }
    std::abort();
}

std::string_view to_text(DiskImageFormat value) {
    switch (value) {
        case DiskImageFormat::vmdk:
            return "VMDK";
        case DiskImageFormat::raw:
            return "RAW";
        case DiskImageFormat::vhd:
            return "VHD";
        case DiskImageFormat::qcow2:
            return "qcow2";
        case DiskImageFormat::vhdx:
            return "vhdx";
        case DiskImageFormat::ova:
            return "ova";
        case DiskImageFormat::vagrant_libvirt:
            return "vagrant-libvirt";
    }
    std::abort();
}

ExportTaskState parse_export_task_state(std::string_view text) {
    using enum ExportTaskState;
    return parse(text, "export task state", std::array{active, completed, deleting, deleted});
}

DiskImageFormat parse_disk_image_format(std::string_view text) {
    using enum DiskImageFormat;
    return parse(text, "DiskImageFormat",
                 std::array{vmdk, raw, vhd, qcow2, vhdx, ova, vagrant_libvirt});
}

void insert_export_task(Session& session, const ExportTask& task) {
    insert_row<ExportTaskTable>(session, task);
}

ExportTask get_export_task(Session& session, const Scope& scope, const ExportTaskId& id) {
    auto task = find_export_task(session, id);
    if (task && task->owner == scope.owner && task->region == scope.region) return *task;
    throw Error("InvalidExportTaskID.NotFound", id.str(),
                fmt::format("The export task '{}' does not exist.", id.str()));
}

std::optional<ExportTask> find_export_task(Session& session, const ExportTaskId& id) {
    return select_row<ExportTaskTable>(session, "where task_id = :id", {{"id", id.str()}});
}

std::vector<ExportTask> list_export_tasks(Session& session, const Scope& scope) {
    return select_rows<ExportTaskTable>(
        session, "where owner = :owner and region = :region order by started, task_id",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<ExportTask> export_tasks_in(Session& session, ExportTaskState state) {
    return select_rows<ExportTaskTable>(session, "where state = :state order by started, task_id",
                                        {{"state", to_value(state)}});
}

void update_export_task(Session& session, const ExportTask& task) {
    update_row<ExportTaskTable>(session, task);
}

std::int64_t count_active_exports(Session& session, const Scope& scope) {
    return count(session,
                 "select count(*) from export_tasks"
                 " where owner = :owner and region = :region and state = 'active'",
                 {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::int64_t count_export_gib(Session& session, const AccountId& account) {
    return count(
        session,
        "select sum((case when state = 'active' then virtual_size else file_size end"
        "  + 1073741823) / 1073741824) from export_tasks"
        " where owner = :owner and (state = 'active' or (state <> 'deleted' and bucket = ''))",
        {{"owner", account.str()}});
}

void forget_export_tasks(Session& session, Time before) {
    run_sql(session,
            "delete from client_tokens where resource_id in"
            " (select task_id from export_tasks where state = 'deleted' and updated < :before)",
            {{"before", to_value(before)}});
    run_sql(session, "delete from export_tasks where state = 'deleted' and updated < :before",
            {{"before", to_value(before)}});
}

}  // namespace kiln::images
