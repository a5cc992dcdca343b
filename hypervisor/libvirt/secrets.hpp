#pragma once

#include <libvirt/libvirt.h>

#include <optional>
#include <string>

#include "hypervisor/hypervisor.hpp"

namespace kiln::hypervisor {

/// The XML that defines a secret (https://libvirt.org/formatsecret.html): kept on disk, and its
/// value may be read back. The passphrase is not in it. A pure function.
std::string secret_xml(const Secret& secret);

/// As the functions of Hypervisor, on one connection.
void define_secret(virConnectPtr connection, const Secret& secret);
std::optional<std::string> secret_passphrase(virConnectPtr connection, const std::string& id);
void remove_secret(virConnectPtr connection, const std::string& id);

}  // namespace kiln::hypervisor
