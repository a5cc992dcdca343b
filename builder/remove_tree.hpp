#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>

namespace kiln::builder {

/// Removes a directory with all that is in it, without following links; what cannot be removed is
/// logged. A stop ends it within the time of grace, and the rest stays: on file systems that
/// discard what is removed at once, the disk of an image takes minutes, and no service could end
/// meanwhile.
void remove_tree(const std::filesystem::path& directory, const std::stop_token& stop = {},
                 std::chrono::milliseconds grace = std::chrono::seconds(5)) noexcept;

}  // namespace kiln::builder
