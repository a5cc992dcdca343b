#pragma once

#include <filesystem>
#include <optional>

namespace kiln::images {

/// The backing file that a qcow2 file names in its header, also where QEMU names it by a json:
/// description; nullopt when it stands on its own. The header is that of QEMU's
/// docs/interop/qcow2.txt; a guest may be writing to the file. Throws Error{InternalError} for a
/// file that is no qcow2 file. Any thread.
std::optional<std::filesystem::path> backing_file_of(const std::filesystem::path& file);

/// Lets a qcow2 file name its backing file without the directory, by one atomic write into its
/// header: the name as it stands there, or the one within a json: description, begins later and
/// ends earlier. QEMU may have the file open read-only. None, or a bare name, stays as it is.
void make_backing_file_relative(const std::filesystem::path& file);

/// Throws Error{InternalError} when opening the file would open one outside of `directory`: a
/// backing file with another directory, or an external data file; and for features that kiln's
/// files never have.
void refuse_foreign_parts(const std::filesystem::path& file,
                          const std::filesystem::path& directory);

/// Whether what a guest writes to a qcow2 file is encrypted. Throws likewise.
bool is_encrypted(const std::filesystem::path& file);

}  // namespace kiln::images
