#include "api/output/structure.hpp"

#include <algorithm>

namespace kiln::api {

namespace {

/// Characters that no XML 1.0 document may hold, not even escaped.
bool is_forbidden(char c) {
    const auto code = static_cast<unsigned char>(c);
    return code < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

}  // namespace

void append_text(pugi::xml_node parent, const char* wire, const std::string& value) {
    pugi::xml_node node = parent.append_child(wire);
    if (std::ranges::none_of(value, is_forbidden)) {
        node.text().set(value.c_str());
        return;
    }
    std::string readable = value;
    std::ranges::replace_if(readable, is_forbidden, '?');
    node.text().set(readable.c_str());
}

Structure<Done> done_structure() {
    return Structure<Done>().boolean("Return", "return", [](const Done&) { return true; });
}

}  // namespace kiln::api
