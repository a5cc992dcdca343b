#pragma once

#include <filesystem>
#include <stop_token>

#include "images/layers/sparse_copy.hpp"

namespace kiln::images {

/// How a file came to have a second place.
enum class Transfer { reflinked, linked, copied };

/// Gives a file that never changes again a second place, `to`, which must not exist. On one file
/// system no byte is copied: the blocks are shared where it can share them, else `to` is a hard
/// link. On another one holes stay holes, and what was written is read back and compared.
/// When it returns, the content is synced; the name is not.
///
/// Throws Error{InternalError} with the cause and Error{Canceled} when `stop` was requested; then
/// `to` is not there. Any thread.
Transfer transfer_file(const std::filesystem::path& from, const std::filesystem::path& to,
                       const TransferProgress& progress, const std::stop_token& stop);

}  // namespace kiln::images
