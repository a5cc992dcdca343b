#pragma once

#include <string>

#include "base/error.hpp"
#include "hypervisor/accelerator/accelerator.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

/// Why this host cannot run instances of the type, however much memory it has: it has no QEMU for
/// any of the type's architectures, or the licence of the guests does not allow it. Empty: it can.
std::string obstacle_to(const InstanceType& type, const hypervisor::Accelerators& accelerators);
/// Error{Unsupported}
Error unsupported_type(const InstanceType& type, const std::string& obstacle);

}  // namespace kiln::launcher
