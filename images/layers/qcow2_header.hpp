#pragma once

#include <filesystem>
#include <optional>

namespace kiln::images {

/// The backing file that a qcow2 file names in its header; nullopt when it stands on its own. The
/// header is that of QEMU's docs/interop/qcow2.txt; a guest may be writing to the file. Throws
/// Error{InternalError} for a file that is no qcow2 file. Any thread.
std::optional<std::filesystem::path> backing_file_of(const std::filesystem::path& file);

}  // namespace kiln::images
