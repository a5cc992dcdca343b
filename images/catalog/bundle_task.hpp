#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

struct BundleTaskKind {
    static constexpr const char* prefix = "bun";
    static constexpr const char* malformed_code = "InvalidBundleID.Malformed";
};
using BundleTaskId = Id<BundleTaskKind>;

/// The bundling of an instance's root disk into a bucket of the object store.
struct BundleTask {
    BundleTaskId id;
    AccountId owner;
    std::string region;
    InstanceId instance;
    std::string bucket;
    std::string prefix;
    BundleTaskState state;
    std::string error_code;  // of one that failed, else empty
    std::string error_message;
    Time started;
    Time updated;
};

void insert_bundle_task(Session& session, const BundleTask& task);
/// The caller's task. Throws Error{InvalidBundleID.NotFound}.
BundleTask get_bundle_task(Session& session, const Scope& scope, const BundleTaskId& id);
/// Whoever owns it.
std::optional<BundleTask> find_bundle_task(Session& session, const BundleTaskId& id);
/// The caller's tasks in the region, oldest first.
std::vector<BundleTask> list_bundle_tasks(Session& session, const Scope& scope);
/// Writes every column of the row anew, by id.
void update_bundle_task(Session& session, const BundleTask& task);
/// Removes the rows of tasks that ended before `time`.
void forget_bundle_tasks(Session& session, Time before);

}  // namespace kiln::images
