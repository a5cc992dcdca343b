#pragma once

#include <filesystem>
#include <string>

#include "images/bundles/object_name.hpp"
#include "images/catalog/export_task.hpp"
#include "images/layers/pool.hpp"

namespace kiln::builder {

/// Where the files of exports are. All paths and names of them are made here.

/// "ami-0123456789abcdef0.vmdk": by the image alone, so that a delta that was made against this
/// image names it, and finds it beside itself.
std::string export_file_name(const ImageId& image, images::DiskImageFormat format);
/// The task's own, in the directory `exports` of the region's pool, which is the service's alone.
std::filesystem::path export_directory(const images::Pool& pool, const images::ExportTaskId& id);
/// What is kept to be fetched.
std::filesystem::path export_file(const images::Pool& pool, const images::ExportTask& task);
/// As EC2 names it: the prefix, the task's id and the format. Of a task with a bucket.
images::ObjectName export_object(const images::ExportTask& task);
/// Makes the task's directory, empty, and what is missing above it.
void make_export_directory(const images::Pool& pool, const images::ExportTaskId& id);

}  // namespace kiln::builder
