#pragma once

#include "hypervisor/accelerator/accelerator.hpp"
#include "hypervisor/accelerator/verdict_cache.hpp"

namespace kiln::hypervisor {

/// HostIdentity::kvm_device of a host whose /dev/kvm can be opened.
inline constexpr const char* kvm_is_usable = "usable";

/// How guests of the architecture should run on the host. The canary is asked under KVM alone, and
/// only where the host's own processors can run them.
AcceleratorVerdict judge(GuestArchitecture architecture, const HostIdentity& host,
                         const AskCanary& ask);

}  // namespace kiln::hypervisor
