#include "base/users.hpp"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <charconv>
#include <limits>
#include <system_error>
#include <vector>

namespace kiln {

namespace {

/// Calls one of the C library's functions that look somebody up, with as much room for their texts
/// as it asks for; nullopt when there is nobody.
template <class Entry, class LookUp>
std::optional<Entry> find_entry(LookUp look_up) {
    std::vector<char> texts(4096);
    Entry entry{};
    Entry* found = nullptr;
    while (look_up(&entry, texts.data(), texts.size(), &found) == ERANGE)
        texts.resize(texts.size() * 2);
    if (found == nullptr) return std::nullopt;
    return entry;  // whose texts end here
}

}  // namespace

std::optional<gid_t> primary_group_of(uid_t user) {
    const auto entry =
        find_entry<passwd>([&](auto... arguments) { return ::getpwuid_r(user, arguments...); });
    if (!entry) return std::nullopt;
    return entry->pw_gid;
}

std::optional<gid_t> find_group(const std::string& name) {
    const auto entry = find_entry<group>(
        [&](auto... arguments) { return ::getgrnam_r(name.c_str(), arguments...); });
    if (!entry) return std::nullopt;
    return entry->gr_gid;
}

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
