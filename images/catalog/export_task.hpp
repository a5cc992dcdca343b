#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/units.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

struct ExportTaskKind {
    static constexpr const char* prefix = "export-ami";
    static constexpr const char* malformed_code = "InvalidExportTaskID.Malformed";
};
using ExportTaskId = Id<ExportTaskKind>;

/// In EC2's words, as the values of images/catalog/attributes.hpp.
enum class ExportTaskState { active, completed, deleting, deleted };
/// EC2's three in its spelling, and those that kiln has besides.
enum class DiskImageFormat { vmdk, raw, vhd, qcow2, vhdx, ova, vagrant_libvirt };
std::string_view to_text(ExportTaskState value);
std::string_view to_text(DiskImageFormat value);
/// Throw Error{InvalidParameterValue} for any other word.
ExportTaskState parse_export_task_state(std::string_view text);
DiskImageFormat parse_disk_image_format(std::string_view text);

/// An image that is, or was, made a file of a foreign format. One that failed or was canceled is
/// deleted, and its message says why.
struct ExportTask {
    ExportTaskId id;
    AccountId owner;
    std::string region;
    ImageId image;
    std::optional<ImageId> base;  // whose content a delta leaves out
    DiskImageFormat format;
    std::string description;
    std::string role_name;
    std::string bucket;  // empty: the file lies beside the layers, to be fetched
    std::string object_prefix;
    ExportTaskState state;
    std::string status_message;
    Bytes virtual_size;  // of the disk
    Bytes file_size;     // 0 until it is completed
    std::string sha256;  // of the file, 64 hexadecimal digits; empty until it is completed
    Time started;
    Time updated;  // when the state changed last
};

void insert_export_task(Session& session, const ExportTask& task);
/// The caller's task. Throws Error{InvalidExportTaskID.NotFound}.
ExportTask get_export_task(Session& session, const Scope& scope, const ExportTaskId& id);
/// Whoever owns it.
std::optional<ExportTask> find_export_task(Session& session, const ExportTaskId& id);
/// The caller's tasks in the region, oldest first.
std::vector<ExportTask> list_export_tasks(Session& session, const Scope& scope);
/// Those of all accounts that are in the state, oldest first.
std::vector<ExportTask> export_tasks_in(Session& session, ExportTaskState state);
/// Writes every column of the row anew, by id.
void update_export_task(Session& session, const ExportTask& task);
/// How many of the account's tasks are active in the region.
std::int64_t count_active_exports(Session& session, const Scope& scope);
/// What the account's exports take beside the layers in all regions, in whole GiB each: the disk
/// while the task is active, then its file until that is gone.
std::int64_t count_export_gib(Session& session, const AccountId& account);
/// Removes the rows of tasks that were deleted before `time`.
void forget_export_tasks(Session& session, Time before);

}  // namespace kiln::images
