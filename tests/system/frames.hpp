#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ipv4.hpp"

namespace kiln::tests {

/// Octets as they go over the wire.
using Octets = std::string;

/// A card and its address: who a frame says it is from, or whom it is for. The MAC is six bytes.
struct Station {
    Octets mac;
    Ipv4Address address;
};

inline constexpr std::string_view broadcast_mac{"\xff\xff\xff\xff\xff\xff"};
inline constexpr Ipv4Address broadcast_address{.bits = 0xffffffff};

/// Six bytes of "02:00:ac:1f:10:01".
Octets parse_mac(const std::string& text);
std::string to_hex(const Octets& bytes);
Octets from_hex(std::string_view digits);

Octets ethernet(std::string_view to, std::string_view from, std::uint16_t type,
                const Octets& payload);

enum class ArpOperation : std::uint16_t { request = 1, reply = 2 };
/// An ARP packet, without its ethernet header. What follows it is of no meaning to ARP.
Octets arp(ArpOperation operation, const Station& sender, const Station& target,
           std::string_view trailer);

/// What IPv4's header may say beside addresses and protocol.
struct Ipv4Options {
    std::string_view options;           // a multiple of 4 bytes
    std::uint16_t fragment_offset = 0;  // in units of 8 bytes
    bool more_fragments = false;
};
Octets ipv4(Ipv4Address from, Ipv4Address to, std::uint8_t protocol, const Octets& payload,
            const Ipv4Options& options = {});
Octets udp(Ipv4Address from, std::uint16_t from_port, Ipv4Address to, std::uint16_t to_port,
           std::string_view text);
/// The first segment of a connection, with text in it.
Octets tcp_syn(Ipv4Address from, std::uint16_t from_port, Ipv4Address to, std::uint16_t to_port,
               std::string_view text);
Octets icmp(Ipv4Address from, Ipv4Address to, std::uint8_t type, std::uint8_t code,
            std::string_view text);
/// A message of DHCP, without UDP's header. `message` is its type (1: discover … 7: release).
Octets dhcp(std::uint8_t message, const Station& client, Ipv4Address wanted, Ipv4Address server,
            std::string_view trailer);

/// Who the frame says it is from: the sender of ARP, or the source of IPv4 and of the ethernet
/// header. Nothing when it is neither ARP nor IPv4.
std::optional<Station> sender_of(const Octets& frame);

}  // namespace kiln::tests
