#include "tests/system/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kiln::tests {

namespace {

constexpr std::uint16_t ipv4_type = 0x0800;
constexpr std::uint16_t arp_type = 0x0806;
constexpr std::size_t mac_size = 6;
constexpr std::size_t header_size = 14;
constexpr std::uint8_t tcp_protocol = 6;
constexpr std::uint8_t udp_protocol = 17;
constexpr std::uint8_t icmp_protocol = 1;

void append(Octets& bytes, std::uint32_t value, int size) {
    for (int shift = 8 * (size - 1); shift >= 0; shift -= 8)
        bytes += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU);
}

std::uint32_t number_at(const Octets& bytes, std::size_t offset, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = offset; i < offset + size; ++i)
        value = value << 8U | static_cast<unsigned char>(bytes.at(i));
    return value;
}

std::uint16_t checksum(Octets bytes) {
    if (bytes.size() % 2 != 0) bytes += '\0';
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 2)
        sum += number_at(bytes, i, 2);
    while (sum >> 16U != 0)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

void put_checksum(Octets& bytes, std::size_t offset, std::uint16_t sum) {
    Octets field;
    append(field, sum, 2);
    bytes.replace(offset, 2, field);
}

/// What TCP and UDP count into their checksums beside themselves.
Octets pseudo_header(Ipv4Address from, Ipv4Address to, std::uint8_t protocol, std::size_t size) {
    Octets header;
    append(header, from.bits, 4);
    append(header, to.bits, 4);
    append(header, protocol, 2);
    append(header, static_cast<std::uint32_t>(size), 2);
    return header;
}

}  // namespace

Octets parse_mac(const std::string& text) {
    std::string digits = text;
    std::erase(digits, ':');
    return from_hex(digits);
}

std::string to_hex(const Octets& bytes) {
    std::string digits;
    for (const char byte : bytes)
        digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return digits;
}

Octets from_hex(std::string_view digits) {
    Octets bytes;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
    return bytes;
}

Octets ethernet(std::string_view to, std::string_view from, std::uint16_t type,
                const Octets& payload) {
    Octets frame(to);
    frame += from;
    append(frame, type, 2);
    return frame + payload;
}

Octets arp(ArpOperation operation, const Station& sender, const Station& target,
           std::string_view trailer) {
    Octets packet("\x00\x01\x08\x00\x06\x04", 6);
    append(packet, static_cast<std::uint16_t>(operation), 2);
    packet += sender.mac;
    append(packet, sender.address.bits, 4);
    packet += target.mac;
    append(packet, target.address.bits, 4);
    return packet += trailer;
}

Octets ipv4(Ipv4Address from, Ipv4Address to, std::uint8_t protocol, const Octets& payload,
            const Ipv4Options& options) {
    const std::size_t size = 20 + options.options.size();
    Octets packet;
    append(packet, static_cast<std::uint32_t>(0x40 + size / 4), 1);
    append(packet, 0, 1);
    append(packet, static_cast<std::uint32_t>(size + payload.size()), 2);
    append(packet, 0x4b49, 2);
    append(packet, (options.more_fragments ? 0x2000U : 0U) | options.fragment_offset, 2);
    append(packet, 64, 1);
    append(packet, protocol, 1);
    append(packet, 0, 2);
    append(packet, from.bits, 4);
    append(packet, to.bits, 4);
    packet += options.options;
    put_checksum(packet, 10, checksum(packet));
    return packet + payload;
}

Octets udp(Ipv4Address from, std::uint16_t from_port, Ipv4Address to, std::uint16_t to_port,
           std::string_view text) {
    Octets datagram;
    append(datagram, from_port, 2);
    append(datagram, to_port, 2);
    append(datagram, static_cast<std::uint32_t>(8 + text.size()), 2);
    append(datagram, 0, 2);
    datagram += text;
    put_checksum(datagram, 6,
                 checksum(pseudo_header(from, to, udp_protocol, datagram.size()) + datagram));
    return ipv4(from, to, udp_protocol, datagram);
}

Octets tcp_syn(Ipv4Address from, std::uint16_t from_port, Ipv4Address to, std::uint16_t to_port,
               std::string_view text) {
    Octets segment;
    append(segment, from_port, 2);
    append(segment, to_port, 2);
    append(segment, 0x4b494c4e, 4);
    append(segment, 0, 4);
    append(segment, 0x5002, 2);
    append(segment, 0xfaf0, 2);
    append(segment, 0, 4);
    segment += text;
    put_checksum(segment, 16,
                 checksum(pseudo_header(from, to, tcp_protocol, segment.size()) + segment));
    return ipv4(from, to, tcp_protocol, segment);
}

Octets icmp(Ipv4Address from, Ipv4Address to, std::uint8_t type, std::uint8_t code,
            std::string_view text) {
    Octets message;
    append(message, type, 1);
    append(message, code, 1);
    append(message, 0, 2);
    message += text;
    put_checksum(message, 2, checksum(message));
    return ipv4(from, to, icmp_protocol, message);
}

Octets dhcp(std::uint8_t message, const Station& client, Ipv4Address wanted, Ipv4Address server,
            std::string_view trailer) {
    constexpr std::size_t names_size = 192;
    Octets packet("\x01\x01\x06\x00KILN\x00\x00\x00\x00", 12);
    append(packet, client.address.bits, 4);
    packet.append(12, '\0');  // your address, the next server's and the relay's
    packet += client.mac;
    packet.append(16 - mac_size + names_size, '\0');
    packet += Octets("\x63\x82\x53\x63\x35\x01", 6);
    append(packet, message, 1);
    packet += Octets("\x32\x04", 2);
    append(packet, wanted.bits, 4);
    packet += Octets("\x36\x04", 2);
    append(packet, server.bits, 4);
    packet += '\xff';
    return packet += trailer;
}

std::optional<Station> sender_of(const Octets& frame) {
    if (frame.size() < header_size) return std::nullopt;
    const std::uint32_t type = number_at(frame, 12, 2);
    if (type == arp_type && frame.size() >= header_size + 28)
        return Station{frame.substr(22, mac_size), {.bits = number_at(frame, 28, 4)}};
    if (type == ipv4_type && frame.size() >= header_size + 20)
        return Station{frame.substr(mac_size, mac_size), {.bits = number_at(frame, 26, 4)}};
    return std::nullopt;
}

}  // namespace kiln::tests
