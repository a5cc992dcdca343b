#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/accelerator/canary.hpp"
#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// What the canary guest said about guests of one architecture on this host.
struct AcceleratorVerdict {
    GuestArchitecture architecture = GuestArchitecture::x86_64;
    std::optional<Accelerator> accelerator;  // absent: the host has no QEMU for the architecture
    /// "KVM: a canary guest entered 64-bit mode in 12 ms", "TCG: /dev/kvm does not exist"
    std::string reason;

    friend bool operator==(const AcceleratorVerdict&, const AcceleratorVerdict&) = default;
};

/// What one host can run: a verdict for each architecture, and who made its hardware.
class Accelerators {
  public:
    /// An architecture that is not named cannot run. `system_vendor` as DMI names it, or empty.
    explicit Accelerators(std::vector<AcceleratorVerdict> verdicts, std::string system_vendor = "");

    const std::vector<AcceleratorVerdict>& all() const { return verdicts_; }
    bool can_run(GuestArchitecture architecture) const;
    /// Whether guests of the host's own architecture run under KVM.
    bool host_uses_kvm() const;
    /// Whether any runs under KVM.
    bool use_kvm() const;
    /// Whether the licence of macOS allows guests of it.
    bool is_apple_hardware() const;
    /// Throws Error{UnsupportedOperation} with what to install when the host cannot run it.
    Accelerator of(GuestArchitecture architecture) const;

  private:
    std::vector<AcceleratorVerdict> verdicts_;
    std::string system_vendor_;
};

/// Runs a canary guest of an architecture with an accelerator, for that long.
using AskCanary =
    std::function<CanaryAnswer(GuestArchitecture, Accelerator, std::chrono::milliseconds)>;

/// The first line of `qemu-system-… --version`. Throws Error when it cannot be run.
std::string qemu_version(GuestArchitecture architecture);

/// Which accelerator guests of this host should use. Capabilities lie, so for each architecture
/// that is the host's own a canary (some hundred bytes that enter the mode that such guests live in
/// and report) is run under KVM; only its answer counts, within two seconds. The verdicts are kept
/// in `cache_file` and used again until boot_identity(), the kernel, /dev/kvm or a version of QEMU
/// changes. `ask` runs the canary. Any thread; takes up to some seconds the first time.
Accelerators choose_accelerators(const std::filesystem::path& cache_file,
                                 const AskCanary& ask = run_canary);

}  // namespace kiln::hypervisor
