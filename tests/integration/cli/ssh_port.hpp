#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string_view>
#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace kiln::tests {

/// A port of 127.0.0.1 that greets like an ssh server.
class SshPort {
  public:
    SshPort() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 8) != 0 ||
            ::getsockname(listener_.get(), generic, &size) != 0) {
            throw system_error("open a port");
        }
        number_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { greet_all(); });
    }
    ~SshPort() {
        ::shutdown(listener_.get(), SHUT_RDWR);
        thread_.join();
    }
    SshPort(const SshPort&) = delete;
    SshPort& operator=(const SshPort&) = delete;

    std::uint16_t number() const { return number_; }

  private:
    void greet_all() {
        while (true) {
            const Fd client(::accept(listener_.get(), nullptr, nullptr));
            if (!client) return;
            constexpr std::string_view greeting = "SSH-2.0-test\r\n";
            ::send(client.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL);
        }
    }

    Fd listener_;
    std::uint16_t number_ = 0;
    std::thread thread_;
};

}  // namespace kiln::tests
