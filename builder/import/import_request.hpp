#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "images/bundles/object_name.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/upload.hpp"

namespace kiln::builder {

/// A file that the service fetches: http or https.
struct DiskUrl {
    std::string url;
};
/// Where a disk comes from; a snapshot is taken as it is.
using DiskSource = std::variant<images::UploadId, DiskUrl, images::ObjectName, SnapshotId>;

struct DiskContainer {
    DiskSource source;
    std::string format;       // EC2's word in any case: "raw", "VMDK"; empty: what the header says
    std::string sha256;       // of the file, 64 hex digits; empty: not compared
    std::string description;  // of the snapshot
    std::string device_name;  // empty: /dev/xvda, then /dev/xvdb and so on
};

struct ImportImageRequest {
    std::vector<DiskContainer> disks;  // the first boots
    std::string name;                  // of the image; empty: the task's id
    std::string description;
    /// What is known of the system; what is absent is looked for on the disk.
    std::optional<images::Architecture> architecture;
    std::optional<images::BootMode> boot_mode;
    std::string platform;    // "windows" or "linux"; empty: looked for
    std::string login_user;  // empty: that of the distribution's own cloud images
    std::vector<images::Tag> task_tags;
    std::vector<images::Tag> image_tags;
    std::vector<images::Tag> snapshot_tags;
    std::string client_token;
};

struct ImportSnapshotRequest {
    DiskContainer disk;
    std::string description;
    std::vector<images::Tag> task_tags;
    std::vector<images::Tag> snapshot_tags;
    std::string client_token;
};

/// As it stands in the catalog while the task lasts. `loopback`: whether a URL may lead to this
/// host itself.
struct StoredImportRequest {
    ImportImageRequest request;  // of a snapshot: its one disk, and the description
    bool loopback = false;
};
std::string to_json(const StoredImportRequest& stored);
StoredImportRequest parse_import_request(const std::string& json);

}  // namespace kiln::builder
