#pragma once

#include <sys/types.h>

namespace kiln::hypervisor {

/// Lets QEMU reach the keys that libvirt leaves for it whomever it runs as: opens the directory
/// that holds one for each guest for passing through, as libvirt's own packages have it. Debian's
/// keeps all but its libvirt-qemu out. Throws Error{InternalError} with what to do.
void let_users_pass_to_keys();
/// Lets QEMU of that user reach the socket of its domain's TPM, whose directory libvirt keeps for
/// its own user and swtpm's. One thread at a time. Throws Error{InternalError}.
void let_user_pass_to_tpms(uid_t user);

}  // namespace kiln::hypervisor
