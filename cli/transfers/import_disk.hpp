#pragma once

#include <optional>
#include <string>

#include "cli/service/service.hpp"

namespace kiln::cli {

/// What is made of a file: an image, or a snapshot alone.
struct ImportKind {
    const char* action;
    const char* container;  // the disk, in the request
    const char* describe;
    const char* status;  // where its answer has Status, Progress and StatusMessage
};
inline constexpr ImportKind import_image_kind{.action = "ImportImage",
                                              .container = "DiskContainer.1.",
                                              .describe = "DescribeImportImageTasks",
                                              .status = "ImportImageTasks."};
inline constexpr ImportKind import_snapshot_kind{
    .action = "ImportSnapshot",
    .container = "DiskContainer.",
    .describe = "DescribeImportSnapshotTasks",
    .status = "ImportSnapshotTasks.SnapshotTaskDetail."};

struct DiskToImport {
    std::string source;                 // a file of the user's, or an http or https URL
    std::optional<std::string> format;  // what it is; without it what its header says
    std::optional<std::string> sha256;  // what it must be
    api::WirePairs parameters = {};     // of the action, besides the disk
};
bool is_url(const std::string& source);

struct EndOfImport {
    std::string task;
    std::string message;  // of the task; may be empty
};
/// Sends the disk, and waits until it is imported, with a bar on a terminal. nullopt after ^C, for
/// which catch_interrupts() is to be called before; nothing is left there then, nor after an error.
/// Throws Error{ImportFailed} with the task's reason.
std::optional<EndOfImport> import_disk(Service& service, const ImportKind& kind,
                                       const DiskToImport& disk);

}  // namespace kiln::cli
