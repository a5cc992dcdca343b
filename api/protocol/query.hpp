#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::api {

using WirePairs = std::vector<std::pair<std::string, std::string>>;

/// Decodes application/x-www-form-urlencoded text. Throws Error{MalformedQueryString} for a broken
/// escape and for text that is not UTF-8 or holds characters that no response could repeat.
WirePairs decode_query(std::string_view text);
/// The inverse of decode_query.
std::string encode_query(const WirePairs& pairs);

}  // namespace kiln::api
