#pragma once

#include <pugixml.hpp>
#include <string>

namespace kiln::cli {

/// What a reply of CompareImages says, for people: a summary, packages, then files, a line for
/// each.
std::string image_difference_text(pugi::xml_node reply);

}  // namespace kiln::cli
