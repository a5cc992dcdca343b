#pragma once

#include <pugixml.hpp>
#include <string>

namespace kiln::hypervisor {

/// Says within a <source> that the qcow2 file is encrypted with LUKS, and with which secret
/// (https://libvirt.org/formatstorageencryption.html).
void add_luks(pugi::xml_node source, const std::string& key_id);

}  // namespace kiln::hypervisor
