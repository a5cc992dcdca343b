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

/// "127.0.0.1:8773", "[::1]:8773", "localhost:8773", or "8773" for 127.0.0.1. nullopt when it is
/// malformed.
std::optional<ListenAddress> parse_listen_address(std::string_view text);
/// What one is, to say in errors.
inline constexpr const char* listen_address_form =
    "an IP address of this host and a port up to 65535, as 127.0.0.1:8773 or [::1]:8773; "
    "0.0.0.0 is every address";
/// As it stands in URLs: "[::1]:8773".
std::string authority(const ListenAddress& listen);
bool is_loopback(const ListenAddress& listen);

}  // namespace kiln
