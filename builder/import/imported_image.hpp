#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/database.hpp"
#include "base/ids.hpp"
#include "builder/import/import_request.hpp"
#include "builder/inspection/inspection.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/import_task.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/layers/pool.hpp"

namespace kiln::builder {

/// What an import's disk is now: a layer whose file is in the pool, or a snapshot that was there.
struct ImportedLayer {
    LayerId layer;
    Bytes size;
    std::string description;
};
struct ImportedDisk {
    std::size_t container;  // of the request; an archive has several disks
    std::variant<ImportedLayer, SnapshotId> disk;
};

/// What the image is to be: what the request says, else what was found on the disk, else an image
/// for BIOS guests of x86_64. Throws Error{InvalidParameterValue} where the two contradict each
/// other.
images::Image describe_image(const images::ImportTask& task, const ImportImageRequest& request,
                             const std::optional<Inspection>& found, Time now);

struct Publication {
    const images::ImportTask& task;
    const ImportImageRequest& request;
    std::vector<ImportedDisk> disks;
    std::optional<images::Image> image;  // nullopt: a snapshot alone is imported
    std::string message;                 // of the task
    Time now;
};
/// In the transaction: the layers' and snapshots' rows, the image's, and the task's end. false when
/// the task has been canceled meanwhile.
bool publish_import(Session& session, const images::Pool& pool, const Publication& publication);

/// A disk of a completed task, for answers.
struct ImportedSnapshot {
    SnapshotId id;
    std::string device_name;
    std::string format;
    std::string description;
    std::string source;  // URL, "bucket/key", or empty
    Bytes size;
};
std::vector<ImportedSnapshot> imported_snapshots(const images::ImportTask& task);

}  // namespace kiln::builder
