#pragma once

#include <filesystem>
#include <stop_token>

namespace kiln::images {

/// Copies a file to a new one (mode 0600) that may be written without changing the first: their
/// blocks are shared until then where the file system can do that, else copied, and holes stay
/// holes. Throws Error{InternalError} when something has the new name already, and Error{Canceled}
/// after a stop; the new file is removed then. It is not synced. Any thread.
void make_private_copy(const std::filesystem::path& from, const std::filesystem::path& to,
                       const std::stop_token& stop);

}  // namespace kiln::images
