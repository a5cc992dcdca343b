#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string_view>
#include <thread>

#include "base/fd.hpp"
#include "tests/loopback_listener.hpp"

namespace kiln::tests {

/// A port of 127.0.0.1 that greets like an ssh server.
class SshPort {
  public:
    SshPort() : thread_([this] { greet_all(); }) {}
    ~SshPort() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    SshPort(const SshPort&) = delete;
    SshPort& operator=(const SshPort&) = delete;

    std::uint16_t number() const { return listener_.port(); }

  private:
    void greet_all() {
        while (true) {
            const Fd client(::accept(listener_.get(), nullptr, nullptr));
            if (!client) return;
            constexpr std::string_view greeting = "SSH-2.0-test\r\n";
            ::send(client.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL);
        }
    }

    LoopbackListener listener_;
    std::thread thread_;
};

}  // namespace kiln::tests
