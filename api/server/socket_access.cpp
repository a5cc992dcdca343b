#include "api/server/socket_access.hpp"

#include <fmt/format.h>
#include <grp.h>

#include <cerrno>
#include <vector>

#include "base/error.hpp"

namespace kiln::api {

namespace {

gid_t group_named(const std::string& name) {
    std::vector<char> text(4096);
    group entry{};
    group* found = nullptr;
    // A group may have very many members.
    while (::getgrnam_r(name.c_str(), &entry, text.data(), text.size(), &found) == ERANGE)
        text.resize(text.size() * 2);
    if (found != nullptr) return entry.gr_gid;
    throw Error("InvalidConfiguration", name,
                fmt::format("socket_users names the group '{0}', which this host does not have: "
                            "sudo addgroup {0}, or say everybody",
                            name));
}

}  // namespace

SocketAccess socket_access_for(const std::string& users) {
    if (users.empty()) return {};
    if (users == "everybody") return {.mode = 0666};
    return {.mode = 0660, .group = group_named(users)};
}

}  // namespace kiln::api
