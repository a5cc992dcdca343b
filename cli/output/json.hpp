#pragma once

#include <functional>
#include <pugixml.hpp>
#include <string>

#include "api/output/structure.hpp"

namespace kiln::cli {

/// The response as the AWS CLI prints it: SDK names, numbers and booleans, lists (empty ones as
/// []), four spaces of indentation, a line end. Linear in the size of the response.
std::string json_of(pugi::xml_node response, const api::OutputShape& shape);
/// The same, given to `print` in parts, so that no large response is held twice.
void print_json(pugi::xml_node response, const api::OutputShape& shape,
                const std::function<void(std::string_view)>& print);

/// `text` as a JSON string, with its quotes.
void append_json_string(std::string& json, std::string_view text);

}  // namespace kiln::cli
