#pragma once

#include <string>
#include <vector>

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/libvirt/live_domain_xml.hpp"

namespace kiln::hypervisor {

/// The XML of a disk-only snapshot (https://libvirt.org/formatsnapshot.html) that switches the
/// `wanted` disks to their overlays. `disks` are all that the domain has: libvirt would take the
/// ones that are not named along, so they are named with snapshot='no'. Throws when a wanted one is
/// none of them. A pure function.
std::string disk_snapshot_xml(const std::vector<DiskSnapshot>& wanted,
                              const std::vector<LiveDisk>& disks);

}  // namespace kiln::hypervisor
