#pragma once

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// Makes the root tree of the appliance that runs paravirtual guests without virtualization
/// hardware: Xen, a Linux that manages it, PV-GRUB for the guests, and busybox, all from Debian's
/// packages without running their scripts. What starts a guest in it lies in
/// steps/files/appliance.
void make_appliance_root(const Build& build);

}  // namespace kiln::builder
