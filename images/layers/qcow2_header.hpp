#pragma once

#include <filesystem>
#include <optional>

namespace kiln::images {

/// The backing file that a qcow2 file names in its header; nullopt when it stands on its own. The
/// header is that of QEMU's docs/interop/qcow2.txt; a guest may be writing to the file. Throws
/// Error{InternalError} for a file that is no qcow2 file. Any thread.
std::optional<std::filesystem::path> backing_file_of(const std::filesystem::path& file);

/// Lets a qcow2 file name its backing file without the directory, by one atomic write into its
/// header. QEMU may have the file open read-only. None, or a name without a directory, stays as it
/// is.
void make_backing_file_relative(const std::filesystem::path& file);

}  // namespace kiln::images
