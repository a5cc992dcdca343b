#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/accelerator/accelerator.hpp"

namespace kiln::hypervisor {

/// What the verdicts depend on; when any of it changes, the canaries are asked again.
struct HostIdentity {
    std::string boot_id;
    std::string kernel;
    std::string machine;            // as `uname -m` says
    std::string kvm_device;         // kvm_is_usable, or why it is not
    std::vector<std::string> qemu;  // versions in the order of guest_architectures; empty: none

    friend bool operator==(const HostIdentity&, const HostIdentity&) = default;
};

/// The verdicts in the file, when they were given for this host; nullopt when they were not or the
/// file is missing, unreadable or damaged.
std::optional<std::vector<AcceleratorVerdict>> load_verdicts(
    const std::filesystem::path& cache_file, const HostIdentity& host);
/// Throws Error{InternalError} when the file cannot be written.
void store_verdicts(const std::filesystem::path& cache_file, const HostIdentity& host,
                    const std::vector<AcceleratorVerdict>& verdicts);

}  // namespace kiln::hypervisor
