#pragma once

#include <sys/types.h>

#include <optional>
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

/// Digits alone; nullopt for -1 as well, which means nobody to the system.
std::optional<uid_t> parse_user_id(std::string_view text);
/// "70000-79999"; nullopt when it is malformed or empty.
std::optional<UserRange> parse_user_range(std::string_view text);

}  // namespace kiln
