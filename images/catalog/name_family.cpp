#include "images/catalog/name_family.hpp"

#include <algorithm>
#include <array>

namespace kiln::images {

namespace {

constexpr std::string_view separators = "-_./@ ";
constexpr std::string_view architecture = "x86_64";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// The text without the digits that it begins with.
std::string_view after_digits(std::string_view text) {
    return {std::ranges::find_if_not(text, is_digit), text.end()};
}

/// "12", "v12", "20261130T120000Z", "30T12"
bool is_number(std::string_view part) {
    if (part.starts_with('v') || part.starts_with('V')) part.remove_prefix(1);
    if (part.empty() || !is_digit(part.front())) return false;
    part = after_digits(part);
    if (part.starts_with('T') || part.starts_with('t')) part = after_digits(part.substr(1));
    return part.empty() || part == "Z" || part == "z";
}

/// "rc1", "beta"
bool is_pre_release(std::string_view part) {
    constexpr std::array<std::string_view, 3> words{"rc", "alpha", "beta"};
    return std::ranges::any_of(words, [&](std::string_view word) {
        return part.starts_with(word) && after_digits(part.substr(word.size())).empty();
    });
}

}  // namespace

std::string name_family(std::string_view name) {
    while (!name.ends_with(architecture)) {
        const std::size_t separator = name.find_last_of(separators);
        if (separator == std::string_view::npos) break;
        const std::string_view part = name.substr(separator + 1);
        if (!is_number(part) && !is_pre_release(part)) break;
        // "a - 1" has several in a row.
        const std::size_t end = name.find_last_not_of(separators, separator);
        if (end == std::string_view::npos) break;
        name = name.substr(0, end + 1);
    }
    return std::string(name);
}

}  // namespace kiln::images
