#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/domain/domain_spec.hpp"
#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// libvirt's XML of a domain that runs.
std::string live_domain_xml(virDomainPtr domain);

/// A disk that a running domain has.
struct LiveDisk {
    std::string target;
    std::string serial;
    std::filesystem::path file;  // what it writes to
    std::string xml;             // its whole element
};

/// Questions to that XML; pure functions.
std::vector<LiveDisk> live_disks(const std::string& domain_xml);
/// nullopt when there is none with this serial.
std::optional<LiveDisk> find_disk(const std::string& domain_xml, const std::string& serial);
/// The first of vda, vdb, … that no disk has. Throws Error{AttachmentLimitExceeded} past vdz.
std::string free_target(const std::vector<LiveDisk>& disks);
/// PCI Express root ports that no device is plugged into.
std::size_t free_root_ports(const std::string& domain_xml);
bool agent_is_connected(const std::string& domain_xml);

/// The user of the DAC security driver in libvirt's capabilities ("+64055:+994"); nullopt when that
/// driver is not in use.
std::optional<ProcessUser> qemu_user_in(const std::string& capabilities_xml);
/// The catalog in kiln's metadata element; empty when it is not such an element.
std::string catalog_id_in(const std::string& metadata_xml);

}  // namespace kiln::hypervisor
