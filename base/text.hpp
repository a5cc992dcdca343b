#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// Whether `text` matches `pattern`, in which '*' stands for any characters, '?' for one, and '\'
/// takes the next character literally. Linear in practice, never exponential.
bool matches_wildcard(std::string_view text, std::string_view pattern);

/// The candidate nearest to `word` by edit distance, when one is near enough to be a typing error.
std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates);

/// "DescribeImages" → "describe-images", "InstanceIds" → "instance-ids", "DryRun" → "dry-run".
std::string to_kebab_case(std::string_view pascal_case);

/// The number of characters (code points); nullopt when `text` is not well-formed UTF-8.
std::optional<std::size_t> count_characters(std::string_view text);

std::string base64_encode(std::string_view bytes);
/// nullopt when `text` is not base64 (white space is allowed).
std::optional<std::string> base64_decode(std::string_view text);

/// The SHA-256 of the bytes as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

/// With spaces for control characters: whoever wrote it adds no line to a log, and moves no cursor.
std::string on_one_line(std::string text);

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

}  // namespace kiln
