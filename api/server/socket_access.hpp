#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace kiln::api {

/// Who may connect to a Unix socket: its mode, and its group where that is not the service's own.
struct SocketAccess {
    mode_t mode = 0600;
    std::optional<gid_t> group = {};

    bool is_for_others() const { return (mode & 0077U) != 0; }
};

/// What the setting socket_users means: "" the service's own user, "everybody", or a group's name.
/// Throws Error{InvalidConfiguration} when the host has no such group.
SocketAccess socket_access_for(const std::string& users);

}  // namespace kiln::api
