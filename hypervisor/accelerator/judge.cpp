#include "hypervisor/accelerator/judge.hpp"

#include <fmt/format.h>

#include "hypervisor/domain/architecture.hpp"

namespace kiln::hypervisor {

namespace {

constexpr std::chrono::milliseconds time_for_canary{2000};

}  // namespace

AcceleratorVerdict judge(GuestArchitecture architecture, const HostIdentity& host,
                         const AskCanary& ask) {
    AcceleratorVerdict verdict{.architecture = architecture, .accelerator = Accelerator::tcg};
    if (host.qemu.at(static_cast<std::size_t>(architecture)).empty()) {
        verdict.accelerator.reset();
        verdict.reason = fmt::format("{} is not installed", qemu_program(architecture));
    } else if (!runs_natively(architecture, architecture_of(host.machine))) {
        verdict.reason = fmt::format("TCG: this host's processors are {}", host.machine);
    } else if (host.kvm_device != kvm_is_usable) {
        verdict.reason = fmt::format("TCG: {}", host.kvm_device);
    } else if (const CanaryAnswer answer = ask(architecture, Accelerator::kvm, time_for_canary);
               answer.alive) {
        verdict.accelerator = Accelerator::kvm;
        verdict.reason = fmt::format("KVM: {}", answer.description);
    } else {
        verdict.reason = fmt::format("TCG: under KVM {}", answer.description);
    }
    return verdict;
}

}  // namespace kiln::hypervisor
