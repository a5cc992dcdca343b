#pragma once

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "tests/loopback_listener.hpp"

namespace kiln::tests {

/// A package mirror that takes connections and never answers: a build that uses it stays in the
/// middle of its first program until it is stopped.
class SilentMirror {
  public:
    std::string address() const {
        return fmt::format("http://127.0.0.1:{}/debian", listener_.port());
    }

    /// Waits until a build asks for packages.
    void wait_for_caller() {
        pollfd event{listener_.get(), POLLIN, 0};
        if (::poll(&event, 1, time_limit_ms) != 1) throw system_error("wait for a build to call");
        caller_.reset(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }

  private:
    static constexpr int time_limit_ms = 60'000;

    LoopbackListener listener_;
    Fd caller_;
};

}  // namespace kiln::tests
