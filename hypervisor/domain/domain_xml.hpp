#pragma once

#include <string>

#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// The domain XML of libvirt (https://libvirt.org/formatdomain.html) for the spec. A pure function:
/// the same spec gives the same text.
std::string domain_xml(const DomainSpec& spec);

/// One disk, or one network card, of such a domain, to be plugged in. Pure functions, too.
std::string disk_xml(const DiskSpec& spec);
std::string interface_xml(const InterfaceSpec& spec);

/// The namespace of kiln's element in a domain's metadata.
inline constexpr const char* metadata_namespace = "https://kiln.invalid/xmlns/domain/1";

}  // namespace kiln::hypervisor
