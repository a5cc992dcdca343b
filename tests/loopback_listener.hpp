#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace kiln::tests {

/// A socket that listens on a free port of 127.0.0.1.
class LoopbackListener {
  public:
    LoopbackListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (!socket_ || ::bind(socket_.get(), generic, size) != 0 ||
            ::listen(socket_.get(), 8) != 0 || ::getsockname(socket_.get(), generic, &size) != 0) {
            throw system_error("listen on the loopback address");
        }
        port_ = ntohs(address.sin_port);
    }

    int get() const { return socket_.get(); }
    std::uint16_t port() const { return port_; }

  private:
    Fd socket_;
    std::uint16_t port_ = 0;
};

}  // namespace kiln::tests
