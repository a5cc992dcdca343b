#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "hypervisor/accelerator/accelerator.hpp"

namespace kiln::hypervisor {

/// What a verdict depends on; when any of it changes, the canary is asked again.
struct HostIdentity {
    std::string boot_id;
    std::string kernel;
    std::string qemu;        // the first line of `qemu-system-x86_64 --version`
    std::string kvm_device;  // "usable", or why it is not

    friend bool operator==(const HostIdentity&, const HostIdentity&) = default;
};

/// The verdict in the file, when it was given for this host; nullopt when it was not or the file is
/// missing, unreadable or damaged.
std::optional<AcceleratorVerdict> load_verdict(const std::filesystem::path& cache_file,
                                               const HostIdentity& host);
/// Throws Error{InternalError} when the file cannot be written.
void store_verdict(const std::filesystem::path& cache_file, const HostIdentity& host,
                   const AcceleratorVerdict& verdict);

}  // namespace kiln::hypervisor
