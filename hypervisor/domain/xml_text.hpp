#pragma once

#include <pugixml.hpp>
#include <string>

namespace kiln::hypervisor {

/// Adds an element with a text, and an attribute. Characters that XML cannot write, and line
/// breaks, become spaces.
pugi::xml_node add_text(pugi::xml_node parent, const char* name, const std::string& text);
void set(pugi::xml_node node, const char* name, const std::string& value);

}  // namespace kiln::hypervisor
