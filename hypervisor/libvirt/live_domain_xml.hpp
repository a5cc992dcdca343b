#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "hypervisor/libvirt/handles.hpp"

namespace kiln::hypervisor {

/// libvirt's XML of a domain that runs.
std::string live_domain_xml(virDomainPtr domain);

/// Questions to that XML; pure functions.
std::vector<std::string> disk_targets(const std::string& domain_xml);
/// The file that the disk writes to; nullopt when there is no such disk.
std::optional<std::filesystem::path> disk_file(const std::string& domain_xml,
                                               const std::string& target);
bool agent_is_connected(const std::string& domain_xml);

/// The user of the DAC security driver in libvirt's capabilities: "+64055:+994" becomes
/// "64055:994"; empty when that driver is not in use.
std::string qemu_user_in(const std::string& capabilities_xml);
/// The catalog in kiln's metadata element; empty when it is not such an element.
std::string catalog_id_in(const std::string& metadata_xml);

}  // namespace kiln::hypervisor
