#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// How the parts of a request are written in what is signed.
namespace kiln::sigv4 {

/// Percent-encoded but for the characters that RFC 3986 leaves unreserved.
std::string escaped(std::string_view plain);

/// The decoded names and values of a query, in its order; '+' is a space, as for forms. Throws
/// Error{MalformedQueryString} for a '%' without two hexadecimal digits.
using Pairs = std::vector<std::pair<std::string, std::string>>;
Pairs decoded_pairs(std::string_view query);
/// Encoded, and sorted by that.
std::string canonical_query(const Pairs& pairs);

/// Without ".", ".." and empty segments; "/" at least.
std::string normalized_path(std::string_view path);
/// Each segment is encoded, once more where it is already.
std::string canonical_path(std::string_view path);

/// Without white space around it, and with one space for white space within.
std::string canonical_value(std::string_view value);

std::string lower_case(std::string_view text);

}  // namespace kiln::sigv4
