#include "api/metadata/metadata_socket.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "hypervisor/network/rule_set.hpp"

namespace kiln::api {

namespace {

constexpr std::uint16_t http_port = 80;
constexpr int waiting_connections = 128;

void set_option(const Fd& socket, int level, int option, const void* value, socklen_t size,
                const std::string& bridge) {
    if (::setsockopt(socket.get(), level, option, value, size) == 0) return;
    throw system_error(fmt::format("prepare a socket for the metadata of guests on {}", bridge));
}

}  // namespace

Fd listen_for_metadata(const std::string& bridge) {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket) throw system_error("create a socket");
    const int on = 1;
    set_option(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on, bridge);
    set_option(socket, SOL_IP, IP_TRANSPARENT, &on, sizeof on, bridge);
    set_option(socket, SOL_SOCKET, SO_BINDTODEVICE, bridge.c_str(),
               static_cast<socklen_t>(bridge.size() + 1), bridge);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(http_port);
    address.sin_addr.s_addr = htonl(hypervisor::metadata_address.bits);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket.get(), waiting_connections) != 0) {
        throw system_error(
            fmt::format("listen at {} on {}", to_text(hypervisor::metadata_address), bridge));
    }
    return socket;
}

}  // namespace kiln::api
