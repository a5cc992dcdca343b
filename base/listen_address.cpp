#include "base/listen_address.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace kiln {

namespace {

constexpr const char* loopback = "127.0.0.1";

bool is_address(const std::string& text, int family) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return ::inet_pton(family, text.c_str(), bytes.data()) == 1;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc() || rest != end) return std::nullopt;
    return port;
}

}  // namespace

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        const auto port = parse_port(text);
        if (!port) return std::nullopt;
        return ListenAddress{.address = loopback, .port = *port};
    }
    const auto port = parse_port(text.substr(colon + 1));
    std::string address(text.substr(0, colon));
    int family = AF_INET;
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
        family = AF_INET6;
    }
    if (address == "localhost") address = loopback;
    if (!port || !is_address(address, family)) return std::nullopt;
    return ListenAddress{.address = std::move(address), .port = *port};
}

std::string authority(const ListenAddress& listen) {
    const bool is_ipv6 = listen.address.find(':') != std::string::npos;
    return (is_ipv6 ? "[" + listen.address + "]" : listen.address) + ":" +
           std::to_string(listen.port);
}

bool is_loopback(const ListenAddress& listen) {
    return listen.address.starts_with("127.") || listen.address == "::1";
}

}  // namespace kiln
