#pragma once

#include <optional>
#include <string>

#include "api/output/structure.hpp"
#include "builder/export/exports.hpp"
#include "images/catalog/export_task.hpp"

namespace kiln::api {

struct ExportTaskView {
    images::ExportTask task;
    std::optional<builder::Exports::Progress> progress = {};  // while it is worked at
};
ExportTaskView view_of(const builder::Exports& exports, images::ExportTask task);

/// EC2's ExportImageTask, with what the file is called, how long it is and its SHA-256 besides.
const Structure<ExportTaskView>& export_task_structure();

}  // namespace kiln::api
