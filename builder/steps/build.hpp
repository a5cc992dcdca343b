#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "builder/recipe/recipe.hpp"
#include "builder/recipe/target.hpp"
#include "builder/steps/build_disk.hpp"
#include "builder/steps/disk_layout.hpp"

namespace kiln::builder {

/// What the steps of one build share. Used by the building thread alone.
struct Build {
    const Recipe& recipe;
    const std::filesystem::path& work_directory;
    const BuildProgress& progress;
    std::stop_token stop;
    const Target& target;
    DiskLayout layout;

    std::filesystem::path root_tree() const { return work_directory / "root"; }
    std::filesystem::path root_archive() const { return work_directory / "root.tar"; }
    std::filesystem::path packages_tree() const { return work_directory / "packages"; }
    std::filesystem::path boot_packages() const { return work_directory / "boot-packages"; }
    std::filesystem::path raw_disk() const { return work_directory / "disk.raw"; }
    std::filesystem::path result() const { return work_directory / "result.qcow2"; }

    void report(int percent, const std::string& step) const {
        if (progress.on_step) progress.on_step(percent, step);
    }
};

/// A program that is a part of a build.
struct Tool {
    std::vector<std::string> arguments;
    std::string name;  // what a failure calls it; empty: as its first argument
    std::string standard_input;
    std::filesystem::path working_directory;
    std::vector<std::string> environment;
    std::chrono::milliseconds time_limit = std::chrono::minutes(10);
    /// Called with each line besides the build's log.
    std::function<void(std::string_view line)> on_line;
};

/// Runs it, logs what it says, returns its standard output. Throws Error{BuildFailed} with its own
/// words (only its "E:" lines where it has any), Error{Canceled} after a stop.
std::string run_tool(const Build& build, const Tool& tool);

/// Error{BuildFailed}.
Error build_failed(const std::string& message);

}  // namespace kiln::builder
