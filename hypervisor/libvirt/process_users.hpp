#pragma once

namespace kiln::hypervisor {

/// Lets QEMU reach the keys that libvirt leaves for it whomever it runs as: opens the directory
/// that holds one for each guest for passing through, as libvirt's own packages have it. Debian's
/// keeps all but its libvirt-qemu out. Throws Error{InternalError} with what to do.
void let_users_pass_to_keys();

}  // namespace kiln::hypervisor
