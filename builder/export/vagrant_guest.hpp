#pragma once

#include "builder/export/guest_tree.hpp"

namespace kiln::builder {

/// Makes of a disk what Vagrant expects of a box: a user vagrant whom its well-known insecure key
/// lets in and, where there is sudo, who may do everything; addresses by DHCP; no host keys, no
/// machine-id, nothing that waits for a cloud. Returns whether it is a system of the recipe tiny,
/// which has no sudo. Throws Error{UnsupportedOperation} for a system that is neither of that
/// recipe nor Debian with systemd, ssh and sudo, and what GuestTree throws. Takes half a minute
/// where there is no KVM.
bool prepare_for_vagrant(const GuestTree::Disk& disk);

}  // namespace kiln::builder
