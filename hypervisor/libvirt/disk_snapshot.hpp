#pragma once

#include <string>
#include <vector>

#include "hypervisor/hypervisor.hpp"

namespace kiln::hypervisor {

/// The XML of a disk-only snapshot (https://libvirt.org/formatsnapshot.html) that switches `disks`
/// to their overlays. `targets` are all the domain's disks: libvirt would take the ones that are
/// not named along, so they are named with snapshot='no'. Throws when a disk is none of them. A
/// pure function.
std::string disk_snapshot_xml(const std::vector<DiskSnapshot>& disks,
                              const std::vector<std::string>& targets);

}  // namespace kiln::hypervisor
