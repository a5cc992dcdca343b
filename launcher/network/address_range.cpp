#include "launcher/network/address_range.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <sstream>

namespace kiln::launcher {

namespace {

/// The kernel writes the four bytes of an address as one number of the machine, whose lowest byte
/// comes first.
Ipv4Address from_memory_order(std::uint32_t number) {
    static_assert(std::endian::native == std::endian::little);
    return {.bits = number << 24U | (number & 0xff00U) << 8U | (number >> 8U & 0xff00U) |
                    number >> 24U};
}

bool overlaps_any(const Ipv4Range& range, const std::vector<Ipv4Range>& others) {
    return std::ranges::any_of(others,
                               [&](const Ipv4Range& other) { return range.overlaps(other); });
}

Ipv4Range sixteen_bits(std::uint32_t first, std::uint32_t second) {
    return {.first = {.bits = first << 24U | second << 16U}, .prefix_length = 16};
}

}  // namespace

std::vector<Ipv4Range> parse_routes(const std::string& proc_net_route) {
    std::vector<Ipv4Range> ranges;
    std::istringstream lines(proc_net_route);
    std::string line;
    std::getline(lines, line);  // the headings
    while (std::getline(lines, line)) {
        std::istringstream columns(line);
        std::string device;
        std::uint32_t destination = 0;
        columns >> device >> std::hex >> destination;
        std::string ignored;
        for (int column = 0; column < 5; ++column)  // gateway, flags, reference count, use, metric
            columns >> ignored;
        std::uint32_t mask = 0;
        columns >> mask;
        if (!columns || mask == 0) continue;
        ranges.push_back(
            {.first = from_memory_order(destination), .prefix_length = std::popcount(mask)});
    }
    return ranges;
}

std::optional<Ipv4Range> choose_range(const std::vector<Ipv4Range>& taken) {
    for (std::uint32_t second = 31; second >= 16; --second) {
        const Ipv4Range range = sixteen_bits(172, second);
        if (!overlaps_any(range, taken)) return range;
    }
    for (std::uint32_t second = 256; second-- > 0;) {
        const Ipv4Range range = sixteen_bits(10, second);
        if (!overlaps_any(range, taken)) return range;
    }
    return std::nullopt;
}

Ipv4Range subnet_range(const Ipv4Range& range, std::size_t index, std::size_t zones) {
    constexpr std::size_t usual_parts = 16;
    const int bits = std::bit_width(std::max(zones, usual_parts) - 1);
    Ipv4Range subnet{.first = range.first, .prefix_length = range.prefix_length + bits};
    subnet.first = range.at(index * subnet.size());
    return subnet;
}

}  // namespace kiln::launcher
