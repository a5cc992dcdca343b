#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// User ids, both ends included.
struct UserRange {
    uid_t first;
    uid_t last;

    friend bool operator==(const UserRange&, const UserRange&) = default;
};

inline bool contains(const UserRange& range, uid_t user) {
    return range.first <= user && user <= range.last;
}

inline std::int64_t size_of(const UserRange& range) {
    return std::int64_t{range.last} - range.first + 1;
}

/// The name that the host's list of users gives them; nullopt: none.
std::optional<std::string> name_of_user(uid_t user);
/// The group that the host's list of users gives them; nullopt: they have no name here.
std::optional<gid_t> primary_group_of(uid_t user);
/// nullopt when the host has no such group.
std::optional<gid_t> find_group(const std::string& name);

/// Digits alone; nullopt for -1 as well, which means nobody to the system.
std::optional<uid_t> parse_user_id(std::string_view text);
/// "70000-79999"; nullopt when it is malformed or empty.
std::optional<UserRange> parse_user_range(std::string_view text);

}  // namespace kiln
