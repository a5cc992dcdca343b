#pragma once

#include <optional>
#include <pugixml.hpp>
#include <string>
#include <vector>

#include "api/action.hpp"

namespace kiln::cli {

/// The cells that an action's Table takes from its response.
struct Rows {
    std::vector<std::string> headings;
    std::vector<std::vector<std::string>> cells;
};

/// Without a declared Table: the only list of structures, else the fields of the response itself;
/// nothing for a response that only says that it was done.
Rows rows_of(const api::Action& action, pugi::xml_node response);

/// Tab-separated, without headings: for scripts. A cell that stands alone is printed as it is.
std::string text_of(const Rows& rows);

/// As RFC 4180 has it, with headings: for spreadsheets.
std::string csv_of(const Rows& rows);

/// Aligned columns under headings. With a width, the last wide columns are cut to it.
std::string table_of(const Rows& raw, std::optional<std::size_t> width);

}  // namespace kiln::cli
