#pragma once

#include <chrono>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

enum class PowerOrder { power_off, reboot };

/// As Hypervisor::run_in_guest.
GuestProgramResult run_through_agent(virDomainPtr domain, const GuestProgram& program);

/// Whether the agent answers a ping within the time.
bool agent_answers_ping(virDomainPtr domain, std::chrono::seconds time);

/// Tells the agent to power off or reboot the guest. False when the agent does not answer or
/// refuses. Takes some seconds at most: an agent that obeys does not say so.
bool order_through_agent(virDomainPtr domain, PowerOrder order);

}  // namespace kiln::hypervisor
