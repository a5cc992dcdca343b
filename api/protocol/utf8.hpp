#pragma once

#include <cstddef>
#include <string_view>

namespace kiln::api {

/// The length of the UTF-8 sequence at the beginning of `text`, 0 when it is not a valid one
/// (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF).
std::size_t utf8_length(std::string_view text);

}  // namespace kiln::api
