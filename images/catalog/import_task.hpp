#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "images/catalog/scope.hpp"
#include "images/catalog/task_state.hpp"

namespace kiln::images {

struct ImportImageTaskKind {
    static constexpr const char* prefix = "import-ami";
    static constexpr const char* malformed_code = "InvalidConversionTaskId.Malformed";
};
using ImportImageTaskId = Id<ImportImageTaskKind>;
struct ImportSnapshotTaskKind {
    static constexpr const char* prefix = "import-snap";
    static constexpr const char* malformed_code = "InvalidConversionTaskId.Malformed";
};
using ImportSnapshotTaskId = Id<ImportSnapshotTaskKind>;

/// The import of an image ("import-ami-…") or of a snapshot ("import-snap-…"), from the request on.
struct ImportTask {
    std::string id;
    AccountId owner;
    std::string region;
    TaskState state;
    std::string request;  // JSON
    std::string message;  // why it is deleted, or what there is to say of a completed one
    std::optional<ImageId> image;
    std::string result;  // JSON: what the disks turned out to be
    Time created;
};

/// Throws Error{ResourceLimitExceeded} when the account has max_active_imports already.
inline constexpr std::int64_t max_active_imports = 20;
void insert_import_task(Session& session, const ImportTask& task);
/// Whoever owns it.
std::optional<ImportTask> find_import_task(Session& session, const std::string& id);
Error import_task_not_found(const std::string& id);
/// The caller's own. Throws import_task_not_found().
ImportTask get_import_task(Session& session, const Scope& scope, const std::string& id);
/// The caller's tasks whose ids begin so, oldest first.
std::vector<ImportTask> list_import_tasks(Session& session, const Scope& scope,
                                          const std::string& prefix);
/// Of all accounts and regions: active and deleting, oldest first.
std::vector<ImportTask> unfinished_import_tasks(Session& session);
void update_import_task(Session& session, const ImportTask& task);
/// Removes the rows of tasks that ended and were created before the time.
void forget_import_tasks(Session& session, Time before);

}  // namespace kiln::images
