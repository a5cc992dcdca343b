#include "builder/offline/guest_accounts.hpp"

#include <charconv>
#include <vector>

#include "base/text.hpp"

namespace kiln::builder {

namespace {

/// The fields of the line that begins with the name.
std::vector<std::string> line_of(const std::string& text, const std::string& name) {
    for (const std::string& line : split(text, '\n')) {
        std::vector<std::string> fields = split(line, ':');
        if (fields.front() == name) return fields;
    }
    return {};
}

}  // namespace

std::optional<std::uint32_t> numeric_id(const std::string& text) {
    std::uint32_t id = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (problem != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return id;
}

std::optional<GuestUser> find_user(const std::string& passwd, const std::string& name) {
    const std::vector<std::string> fields = line_of(passwd, name);
    if (fields.size() < 6) return std::nullopt;
    const auto uid = numeric_id(fields[2]);
    const auto gid = numeric_id(fields[3]);
    if (!uid || !gid) return std::nullopt;
    return GuestUser{.uid = *uid, .gid = *gid, .home = fields[5]};
}

std::optional<std::uint32_t> find_group(const std::string& group, const std::string& name) {
    const std::vector<std::string> fields = line_of(group, name);
    return fields.size() < 3 ? std::nullopt : numeric_id(fields[2]);
}

}  // namespace kiln::builder
