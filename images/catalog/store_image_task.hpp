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

/// The last try to store an image in a bucket.
struct StoreImageTask {
    ImageId image;
    std::string bucket;
    std::string object_key;
    AccountId owner;
    std::string region;
    StoreTaskState state;
    std::string failure;  // of one that failed, else empty
    Time started;
};

/// Inserts it, or overwrites that of an earlier try.
void put_store_image_task(Session& session, const StoreImageTask& task);
std::optional<StoreImageTask> find_store_image_task(Session& session, const ImageId& image,
                                                    const std::string& bucket);
/// The caller's tasks in the region, oldest first.
std::vector<StoreImageTask> list_store_image_tasks(Session& session, const Scope& scope);
/// Removes the rows of tasks that ended and were started before `time`.
void forget_store_image_tasks(Session& session, Time before);

}  // namespace kiln::images
