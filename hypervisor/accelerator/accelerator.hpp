#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "hypervisor/accelerator/canary.hpp"
#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// What the canary guest said about an accelerator on this host.
struct AcceleratorVerdict {
    Accelerator accelerator = Accelerator::tcg;
    std::string
        reason;  // "KVM: a canary guest entered 64-bit mode in 12 ms", "/dev/kvm does not exist"
};

/// Runs a canary guest with an accelerator, for that long.
using AskCanary = std::function<CanaryAnswer(Accelerator, std::chrono::milliseconds)>;

/// The first line of `qemu-system-x86_64 --version`. Throws Error when it cannot be run.
std::string qemu_version();

/// Which accelerator guests of this host should use. Capabilities lie, so a canary (a boot sector
/// that enters long mode and reports through the isa-debug-exit device) is run under KVM; only its
/// answer counts, within two seconds. The verdict is kept in `cache_file` and used again until
/// boot_identity(), the kernel or QEMU's version changes. `ask` runs the canary. Any thread; takes
/// up to some seconds the first time.
AcceleratorVerdict choose_accelerator(const std::filesystem::path& cache_file,
                                      const AskCanary& ask = run_canary);

}  // namespace kiln::hypervisor
