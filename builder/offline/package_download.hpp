#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::builder {

/// What the host's apt knows of a system. All paths are the host's.
struct AptState {
    std::filesystem::path directory;  // laid out as apt_configuration() has it
    std::string architecture;         // as Debian calls it
    std::string release;              // for messages: "bookworm"
    std::function<void(std::string_view line)> on_log;
    std::chrono::seconds time_limit;
    std::stop_token stop;
};
/// Downloads the packages, and what they need that the system lacks, by the host's apt with a
/// configuration, lists and a cache of its own below the directory. Returns the files in no order
/// that matters; none when the system has all. Throws Error{BuildFailed} that names the package
/// which there is not, with the name that was perhaps meant, and Error{Canceled} after a stop.
std::vector<std::filesystem::path> download_packages(const AptState& state,
                                                     const std::vector<std::string>& packages);

/// The name of the package that apt says there is not; empty where it says something else. Pure.
std::string missing_package(std::string_view said);

}  // namespace kiln::builder
