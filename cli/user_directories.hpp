#pragma once

#include <filesystem>

namespace kiln::cli {

/// ~/.config/kiln, or below XDG_CONFIG_HOME. Throws Error when neither variable is set.
std::filesystem::path user_config_directory();
/// ~/.local/state/kiln, or below XDG_STATE_HOME.
std::filesystem::path user_state_directory();

/// Makes the directory (0700) and what it lies in when they are missing.
void make_private_directory(const std::filesystem::path& path);

}  // namespace kiln::cli
