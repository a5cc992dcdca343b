#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// Where a server listens.
struct ListenAddress {
    std::string address;  // of the host, IPv4 or IPv6
    std::uint16_t port = 0;
};

/// "127.0.0.1:8773", "[::1]:8773", or "8773" for 127.0.0.1. nullopt when it is malformed.
std::optional<ListenAddress> parse_listen_address(std::string_view text);
bool is_loopback(const ListenAddress& listen);

}  // namespace kiln
