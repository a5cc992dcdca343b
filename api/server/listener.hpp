#pragma once

#include <sys/types.h>

#include <filesystem>

#include "api/server/socket_access.hpp"
#include "base/fd.hpp"

namespace kiln::api {

/// A listening Unix socket: the one that systemd passed (sd_listen_fds(3)), or one bound at `path`.
class Listener {
  public:
    /// Makes the socket's directory when it is missing; who may connect may pass it. Replaces a
    /// socket file that no one answers at; throws Error{AddressInUse} when someone does, or when
    /// the file is no socket.
    Listener(const std::filesystem::path& path, const SocketAccess& access);
    /// Removes the socket file that it made, unless another one has taken its place.
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// Gives the descriptor away; the socket file still goes with the Listener.
    int release_socket() noexcept { return socket_.release(); }

  private:
    void bind_at(const SocketAccess& access);
    void open_to(const SocketAccess& access);

    std::filesystem::path path_;
    Fd socket_;
    ino_t inode_ = 0;  // of the socket file made here; 0: none
};

}  // namespace kiln::api
