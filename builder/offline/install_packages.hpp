#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "builder/offline/mounted_system.hpp"
#include "builder/recipe/step.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::builder {

struct PackageInstallation {
    std::filesystem::path directory;  // of the host's, for what is downloaded; made when missing
    images::Architecture architecture;
    std::string mirror;  // of Debian; empty: what the system's own apt is set up with
    std::chrono::seconds time_limit;
    std::function<void(std::string_view line)> on_log;
    std::stop_token stop;
};
/// Installs packages with what they depend on, into a system with apt: the host's apt downloads
/// what the system lacks, the system's own installs it, without a network, and starts no service.
/// Throws Error{BuildFailed}: "no package 'ngnix' in bookworm: did you mean nginx?".
void install_packages(MountedSystem& system, const PackagesStep& step,
                      const PackageInstallation& use);

}  // namespace kiln::builder
