#pragma once

#include <string>

#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// The domain XML of libvirt (https://libvirt.org/formatdomain.html) for the spec. A pure function:
/// the same spec gives the same text.
std::string domain_xml(const DomainSpec& spec);

/// One disk of such a domain, to be plugged in. A pure function, too.
std::string disk_xml(const DiskSpec& spec);

/// The namespace of kiln's element in a domain's metadata.
inline constexpr const char* metadata_namespace = "https://kiln.invalid/xmlns/domain/1";

}  // namespace kiln::hypervisor
