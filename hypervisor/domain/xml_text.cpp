#include "hypervisor/domain/xml_text.hpp"

namespace kiln::hypervisor {

namespace {

/// XML 1.0 has no way to write most control characters, and libvirt refuses a title with a line
/// break: each becomes a space.
std::string printable(const std::string& text) {
    std::string result = text;
    for (char& c : result) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    return result;
}

}  // namespace

pugi::xml_node add_text(pugi::xml_node parent, const char* name, const std::string& text) {
    pugi::xml_node node = parent.append_child(name);
    node.text().set(printable(text).c_str());
    return node;
}

void set(pugi::xml_node node, const char* name, const std::string& value) {
    node.append_attribute(name).set_value(printable(value).c_str());
}

}  // namespace kiln::hypervisor
