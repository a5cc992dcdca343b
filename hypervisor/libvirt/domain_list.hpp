#pragma once

#include <vector>

#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// The domains that run (or are paused) now.
std::vector<DomainPtr> active_domains(virConnectPtr connection);

}  // namespace kiln::hypervisor
