#include "api/shapes/export_task.hpp"

#include "api/shapes/common.hpp"
#include "builder/export/export_files.hpp"

namespace kiln::api {

namespace {

using View = ExportTaskView;
using images::ExportTaskState;

const Structure<View>& location_structure() {
    static const auto structure =
        Structure<View>()
            .text("S3Bucket", "s3Bucket", [](const View& v) { return v.task.bucket; })
            .text("S3Prefix", "s3Prefix", [](const View& v) { return v.task.object_prefix; });
    return structure;
}

std::optional<std::string> percent_of(const View& view) {
    switch (view.task.state) {
        case ExportTaskState::active:
            return std::to_string(view.progress ? view.progress->percent : 0);
        case ExportTaskState::completed:
            return "100";
        case ExportTaskState::deleting:
        case ExportTaskState::deleted:
            return std::nullopt;
    }
    return std::nullopt;
}

std::optional<std::string> message_of(const View& view) {
    if (view.task.state != ExportTaskState::active) return if_any(view.task.status_message);
    return view.progress ? view.progress->step : "pending";
}

std::optional<std::string> expiration_of(const images::ExportTask& task) {
    if (task.state != ExportTaskState::completed || !task.bucket.empty()) return std::nullopt;
    return format_time(task.updated + builder::exports_are_kept);
}

std::optional<std::int64_t> size_of(const images::ExportTask& task) {
    if (task.sha256.empty()) return std::nullopt;
    return static_cast<std::int64_t>(task.file_size.value);
}

/// What EC2 has.
Structure<View> task_structure() {
    return Structure<View>()
        .text("ExportImageTaskId", "exportImageTaskId",
              [](const View& v) { return v.task.id.str(); })
        .text("ImageId", "imageId", [](const View& v) { return v.task.image.str(); })
        .text("Description", "description",
              [](const View& v) { return if_any(v.task.description); })
        .text("DiskImageFormat", "diskImageFormat",
              [](const View& v) { return std::string(to_text(v.task.format)); })
        .text("RoleName", "roleName", [](const View& v) { return if_any(v.task.role_name); })
        .text("Progress", "progress", percent_of)
        .text("Status", "status", [](const View& v) { return std::string(to_text(v.task.state)); })
        .text("StatusMessage", "statusMessage", message_of)
        .structure("S3ExportLocation", "s3ExportLocation", location_structure(),
                   [](const View& v) -> std::optional<View> {
                       if (v.task.bucket.empty()) return std::nullopt;
                       return v;
                   });
}

}  // namespace

ExportTaskView view_of(const builder::Exports& exports, images::ExportTask task) {
    auto progress = exports.progress_of(task.id);
    return {.task = std::move(task), .progress = std::move(progress)};
}

const Structure<ExportTaskView>& export_task_structure() {
    static const auto structure =
        task_structure()
            .text("BaseImageId", "baseImageId",
                  [](const View& v) -> std::optional<std::string> {
                      if (!v.task.base) return std::nullopt;
                      return v.task.base->str();
                  })
            .text("FileName", "fileName",
                  [](const View& v) {
                      return v.task.bucket.empty()
                                 ? builder::export_file_name(v.task.image, v.task.format)
                                 : builder::export_object(v.task).key;
                  })
            .integer("FileSize", "fileSize", [](const View& v) { return size_of(v.task); })
            .text("Sha256", "sha256", [](const View& v) { return if_any(v.task.sha256); })
            .text("StartTime", "startTime",
                  [](const View& v) { return format_time(v.task.started); })
            .text("ExpirationTime", "expirationTime",
                  [](const View& v) { return expiration_of(v.task); });
    return structure;
}

}  // namespace kiln::api
