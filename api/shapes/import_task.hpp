#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/output/page.hpp"
#include "api/output/structure.hpp"
#include "api/protocol/arguments.hpp"
#include "api/services.hpp"
#include "base/database.hpp"
#include "builder/import/import_request.hpp"
#include "builder/import/importer.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/import_task.hpp"

namespace kiln::api {

/// An import task with how far it is.
struct ImportTaskView {
    images::ImportTask task;
    builder::ImportImageRequest request;
    builder::ImportProgress progress;
    std::optional<images::Image> image;  // of a completed one, unless it is gone since
};
ImportTaskView view_of(Session& session, const builder::Importer& importer,
                       const images::ImportTask& task);

/// As EC2 answers ImportImage and DescribeImportImageTasks, with what the image turned out to be.
const Structure<ImportTaskView>& import_image_task_structure();
/// As EC2 answers ImportSnapshot and DescribeImportSnapshotTasks.
const Structure<ImportTaskView>& import_snapshot_task_structure();

/// Of both actions that describe import tasks. EC2 calls their filters "Filters", and those of all
/// other actions "Filter".
std::vector<Parameter> import_task_parameters();
/// The caller's tasks whose ids begin with the prefix, as the arguments choose them.
Page<ImportTaskView> describe_import_tasks(Services& services, const images::Caller& caller,
                                           const Arguments& arguments, const char* prefix);

/// EC2's structure of a disk to import, and kiln's: UploadId, Sha256.
std::vector<Parameter> disk_container_members();
/// Throws Error{InvalidParameterValue} unless it names exactly one source.
builder::DiskContainer disk_container_of(const Arguments& container);

}  // namespace kiln::api
