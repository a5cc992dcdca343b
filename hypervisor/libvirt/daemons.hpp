#pragma once

#include <string>

namespace kiln::hypervisor {

/// Makes libvirt answer at the URI where kiln is the one to see to it: qemu:///system, the caller
/// is root and no systemd manages the machine. Does nothing when it answers already or somebody
/// else is in charge. Starts virtlogd and libvirtd, says so in the log, and waits some seconds at
/// most.
void ensure_daemons(const std::string& uri);

}  // namespace kiln::hypervisor
