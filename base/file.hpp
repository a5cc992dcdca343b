#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "base/units.hpp"

namespace kiln {

/// All of these throw Error{InternalError} that names the path and the cause, and may be called
/// from any thread.

/// The whole file; refuses one larger than `limit`.
std::string read_file(const std::filesystem::path& path, Bytes limit = Bytes::mebibytes(16));
/// The last `limit` bytes of a file; empty when the file does not exist.
std::string read_file_tail(const std::filesystem::path& path, Bytes limit);
/// Writes `content` beside `path`, syncs it, renames it into place with `mode` and syncs the
/// directory: afterwards either the old or the new content is there, also after a power cut.
void write_file_atomically(const std::filesystem::path& path, std::string_view content, int mode);
/// Makes the file's data and metadata durable.
void sync_file(const std::filesystem::path& path);
/// The same of an open file; `path` names it in the error.
void sync_file(const Fd& fd, const std::filesystem::path& path);
/// Makes the names in a directory durable (after create, rename or unlink in it).
void sync_directory(const std::filesystem::path& path);
/// Removes a file; it is no error when it does not exist. Returns whether it did.
bool remove_file(const std::filesystem::path& path);
/// Makes the process's user and group the file's owners.
void take_file(const std::filesystem::path& path);
/// Reads from `offset` on until `to` is full or the file ends; returns how many bytes it got.
/// `path` names the file in the error.
std::size_t read_at(const Fd& fd, const std::filesystem::path& path, Bytes offset,
                    std::span<char> to);
/// Writes all of `content` at the file's position, or from `offset` on.
void write_all(const Fd& fd, const std::filesystem::path& path, std::string_view content);
void write_at(const Fd& fd, const std::filesystem::path& path, Bytes offset,
              std::string_view content);
/// An exclusive lock on the file (made when missing), held while the Fd lives and gone when the
/// process ends, however it ends. Returns an empty Fd when another process holds it.
Fd try_lock_file(const std::filesystem::path& path);
/// Bytes that an unprivileged process may still write on the file system of `path`.
Bytes free_space(const std::filesystem::path& path);
/// Bytes that the file occupies on disk (holes are not counted).
Bytes allocated_size(const std::filesystem::path& path);

}  // namespace kiln
