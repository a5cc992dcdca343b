#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace kiln::builder {

/// A line of passwd(5).
struct GuestUser {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::string home;
};
/// By its name in the text of /etc/passwd. Pure.
std::optional<GuestUser> find_user(const std::string& passwd, const std::string& name);
/// The number of a group, by its name in the text of /etc/group. Pure.
std::optional<std::uint32_t> find_group(const std::string& group, const std::string& name);
/// A number that stands for itself; nullopt for what is none.
std::optional<std::uint32_t> numeric_id(const std::string& text);

}  // namespace kiln::builder
