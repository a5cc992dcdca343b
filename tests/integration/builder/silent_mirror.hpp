#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace kiln::tests {

/// A package mirror that takes connections and never answers: a build that uses it stays in the
/// middle of its first program until it is stopped.
class SilentMirror {
  public:
    SilentMirror() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (!listener_ || ::bind(listener_.get(), generic, size) != 0 ||
            ::listen(listener_.get(), 1) != 0 ||
            ::getsockname(listener_.get(), generic, &size) != 0) {
            throw system_error("listen on the loopback address");
        }
        port_ = ntohs(address.sin_port);
    }

    std::string address() const { return fmt::format("http://127.0.0.1:{}/debian", port_); }

    /// Waits until a build asks for packages.
    void wait_for_caller() {
        pollfd event{listener_.get(), POLLIN, 0};
        if (::poll(&event, 1, time_limit_ms) != 1) throw system_error("wait for a build to call");
        caller_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }

  private:
    static constexpr int time_limit_ms = 60'000;

    Fd listener_;
    Fd caller_;
    std::uint16_t port_ = 0;
};

}  // namespace kiln::tests
