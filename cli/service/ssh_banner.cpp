#include "cli/service/ssh_banner.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace kiln::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view banner = "SSH-";

struct FreeAddress {
    void operator()(addrinfo* address) const { ::freeaddrinfo(address); }
};

std::unique_ptr<addrinfo, FreeAddress> address_of(const SshEndpoint& endpoint) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int error = ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
    if (error != 0) {
        throw Error(error_code::internal_error, endpoint.host,
                    "cannot find '" + endpoint.host + "': " + ::gai_strerror(error));
    }
    return std::unique_ptr<addrinfo, FreeAddress>(found);
}

bool wait_until(int socket, short events, Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd waited{.fd = socket, .events = events, .revents = 0};
    return left.count() > 0 && ::poll(&waited, 1, static_cast<int>(left.count())) > 0;
}

}  // namespace

bool ssh_answers(const SshEndpoint& endpoint, std::chrono::milliseconds time) {
    const Clock::time_point deadline = Clock::now() + time;
    const auto address = address_of(endpoint);
    const Fd socket(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket) throw system_error("create a socket");
    if (::connect(socket.get(), address->ai_addr, address->ai_addrlen) != 0 &&
        errno != EINPROGRESS) {
        return false;
    }
    std::array<char, banner.size()> bytes{};
    std::size_t size = 0;
    while (size < bytes.size() && wait_until(socket.get(), POLLIN, deadline)) {
        const ssize_t got = ::recv(socket.get(), bytes.data() + size, bytes.size() - size, 0);
        if (got <= 0) return false;
        size += static_cast<std::size_t>(got);
    }
    return std::string_view(bytes.data(), size) == banner;
}

}  // namespace kiln::cli
