#pragma once

#include <libvirt/libvirt.h>

#include <string>

#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// Removes what libvirt keeps of the TPM of a domain that does not run. It keeps it by the UUID,
/// and removes it for a domain that is defined alone: so one is, for that moment.
void remove_tpm(virConnectPtr connection, const std::string& uuid, GuestArchitecture architecture);

}  // namespace kiln::hypervisor
