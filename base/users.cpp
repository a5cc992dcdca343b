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
/// as it asks for; what `get` has of the entry, or nullopt when there is nobody.
template <class Entry, class Get, class LookUp>
auto find_entry(Get get, LookUp look_up) -> std::optional<decltype(get(Entry()))> {
    std::vector<char> texts(4096);
    Entry entry{};
    Entry* found = nullptr;
    while (look_up(&entry, texts.data(), texts.size(), &found) == ERANGE)
        texts.resize(texts.size() * 2);
    if (found == nullptr) return std::nullopt;
    return get(entry);
}

}  // namespace

std::optional<gid_t> primary_group_of(uid_t user) {
    return find_entry<passwd>([](const passwd& entry) { return entry.pw_gid; },
                              [&](auto... arguments) { return ::getpwuid_r(user, arguments...); });
}

std::optional<std::string> name_of_user(uid_t user) {
    return find_entry<passwd>([](const passwd& entry) { return std::string(entry.pw_name); },
                              [&](auto... arguments) { return ::getpwuid_r(user, arguments...); });
}

std::optional<gid_t> find_group(const std::string& name) {
    return find_entry<group>(
        [](const group& entry) { return entry.gr_gid; },
        [&](auto... arguments) { return ::getgrnam_r(name.c_str(), arguments...); });
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
