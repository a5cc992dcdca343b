#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// An IPv4 address, as a number in the host's byte order.
struct Ipv4Address {
    std::uint32_t bits = 0;

    friend auto operator<=>(const Ipv4Address&, const Ipv4Address&) = default;
};

/// "172.31.0.5".
std::string to_text(Ipv4Address address);
/// nullopt unless the text is four numbers from 0 to 255, without leading zeros.
std::optional<Ipv4Address> parse_ipv4_address(std::string_view text);

/// A block of addresses in CIDR notation. The bits after the prefix are 0.
struct Ipv4Range {
    Ipv4Address first;
    int prefix_length = 32;  // 0 to 32

    /// 2^32 for 0.0.0.0/0.
    std::uint64_t size() const { return std::uint64_t{1} << (32 - prefix_length); }
    Ipv4Address last() const;
    bool contains(Ipv4Address address) const;
    bool overlaps(const Ipv4Range& other) const;
    /// The address at that place in the range. `index` < size().
    Ipv4Address at(std::uint64_t index) const;

    friend auto operator<=>(const Ipv4Range&, const Ipv4Range&) = default;
};

/// Every address.
inline constexpr Ipv4Range all_ipv4_addresses{.first = {}, .prefix_length = 0};

/// "172.31.0.0/16".
std::string to_text(const Ipv4Range& range);
/// The range that the address and the length of its prefix lie in: bits after the prefix are
/// cleared. nullopt unless the text is an address, a slash and a number from 0 to 32.
std::optional<Ipv4Range> parse_ipv4_range(std::string_view text);

/// Ports of TCP and UDP, from 1 to 65535, the first no greater than the last.
struct PortRange {
    int first = 1;
    int last = 65535;

    int size() const { return last - first + 1; }
    bool contains(const PortRange& other) const {
        return first <= other.first && other.last <= last;
    }
    bool overlaps(const PortRange& other) const {
        return first <= other.last && other.first <= last;
    }

    friend bool operator==(const PortRange&, const PortRange&) = default;
};

/// "8000-8099", or "80" for one.
std::string to_text(const PortRange& range);
/// nullopt unless the text is a port, or two with a hyphen between them.
std::optional<PortRange> parse_port_range(std::string_view text);

}  // namespace kiln
