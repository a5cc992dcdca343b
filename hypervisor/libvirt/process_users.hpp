#pragma once

#include <optional>

#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// The user with the group that is theirs in the host's list of users: that of /dev/kvm for
/// Debian's libvirt-qemu, whereas its label names another. One who has no name there stays as they
/// are.
ProcessUser with_own_group(ProcessUser user);

/// Lets QEMU reach the keys that libvirt leaves for it whomever it runs as: opens the directory
/// that holds one for each guest for passing through, as libvirt's own packages have it. Debian's
/// keeps all but its libvirt-qemu out. Throws Error{InternalError} with what to do.
void let_users_pass_to_keys();

}  // namespace kiln::hypervisor
