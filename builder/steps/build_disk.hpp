#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "builder/recipe/recipe.hpp"

namespace kiln::builder {

/// Told as a build goes on, from the building thread. `percent` is of the whole build, 0 to 100.
struct BuildProgress {
    std::function<void(int percent, const std::string& step)> on_step;
    std::function<void(std::string_view line)> on_log;
};

/// Builds the recipe's disk: a qcow2 file that boots under BIOS and UEFI. Works in
/// `work_directory`, which exists, is empty, and is the caller's to remove; the result is
/// `result.qcow2` in it. Throws Error{Canceled} soon after a stop is requested, Error{BuildFailed}
/// with the failing program's words.
std::filesystem::path build_disk(const Recipe& recipe, const std::filesystem::path& work_directory,
                                 const BuildProgress& progress, std::stop_token stop);

}  // namespace kiln::builder
