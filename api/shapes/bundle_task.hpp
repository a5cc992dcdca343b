#pragma once

#include <optional>
#include <string>

#include "api/output/structure.hpp"
#include "api/protocol/parameter.hpp"
#include "images/catalog/bundle_task.hpp"

namespace kiln::api {

struct BundleTaskView {
    images::BundleTask task;
    std::optional<int> percent;  // while it works
};

/// A task as the actions on bundles answer it.
const Structure<BundleTaskView>& bundle_task_structure();
/// "100%" of one that is complete.
std::string progress_of(const BundleTaskView& view);

/// An answer of one task.
struct BundleTaskResult {
    BundleTaskView view;
};
Structure<BundleTaskResult> bundle_task_result();

/// "Storage" with the bucket and the prefix of a bundle in S3.
Parameter storage_parameter();

}  // namespace kiln::api
