#pragma once

#include <string>
#include <string_view>

namespace kiln::images {

/// 20 characters, of which the prefix has four: "AKIA…" for access keys.
std::string new_key_id(std::string_view prefix);
/// 40 characters that nobody guesses.
std::string new_secret();

}  // namespace kiln::images
