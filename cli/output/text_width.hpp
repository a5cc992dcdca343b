#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kiln::cli {

/// How many columns of a terminal the UTF-8 text takes, by wcwidth(3): the program must have set a
/// UTF-8 locale, else everything but ASCII counts as one.
std::size_t text_width(std::string_view text);

/// The text, or its beginning and '…' when it is wider.
std::string shortened(const std::string& text, std::size_t width);

/// The text with a blank for each control character.
std::string without_controls(const std::string& text);

}  // namespace kiln::cli
