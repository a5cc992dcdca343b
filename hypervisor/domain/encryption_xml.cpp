#include "hypervisor/domain/encryption_xml.hpp"

namespace kiln::hypervisor {

void add_luks(pugi::xml_node source, const std::string& key_id) {
    pugi::xml_node encryption = source.append_child("encryption");
    encryption.append_attribute("format").set_value("luks");
    pugi::xml_node secret = encryption.append_child("secret");
    secret.append_attribute("type").set_value("passphrase");
    secret.append_attribute("uuid").set_value(key_id.c_str());
}

}  // namespace kiln::hypervisor
