#include "base/users.hpp"

#include <charconv>
#include <limits>
#include <system_error>

namespace kiln {

std::optional<uid_t> parse_user_id(std::string_view text) {
    uid_t id = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, id);
    const bool is_number = error == std::errc() && rest == end;
    if (!is_number || id == std::numeric_limits<uid_t>::max()) return std::nullopt;
    return id;
}

std::optional<UserRange> parse_user_range(std::string_view text) {
    const std::size_t hyphen = text.find('-');
    if (hyphen == std::string_view::npos) return std::nullopt;
    const auto first = parse_user_id(text.substr(0, hyphen));
    const auto last = parse_user_id(text.substr(hyphen + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    return UserRange{.first = *first, .last = *last};
}

}  // namespace kiln
