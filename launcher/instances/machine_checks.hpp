#pragma once

#include <string>

#include "hypervisor/accelerator/accelerator.hpp"
#include "launcher/platforms/guest_profiles.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln {
struct Settings;
}

namespace kiln::launcher {

/// Why guests of the kind cannot be of the type, in EC2's words where it has some; empty: they can.
/// The profile is the kind's.
std::string mismatch(const GuestKind& guest, const OsProfile& profile, const InstanceType& type);

/// Throws Error{Unsupported} or Error{UnsupportedOperation} with what is missing when this host
/// cannot run guests of the architecture as that type, however much memory it has.
void check_host_runs(images::Architecture architecture, const InstanceType& type,
                     const hypervisor::Accelerators& accelerators, const Settings& settings);

}  // namespace kiln::launcher
