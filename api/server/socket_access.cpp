#include "api/server/socket_access.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/users.hpp"

namespace kiln::api {

namespace {

gid_t group_named(const std::string& name) {
    if (const auto group = find_group(name)) return *group;
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
