#include "base/ipv4.hpp"

#include <fmt/format.h>

#include <charconv>
#include <system_error>
#include <vector>

#include "base/text.hpp"

namespace kiln {

namespace {

std::optional<int> parse_number(std::string_view text, int most) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    if (!whole || number < 0 || number > most) return std::nullopt;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    return number;
}

constexpr int greatest_port = 65535;

std::uint32_t mask_of(int prefix_length) {
    return prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix_length);
}

}  // namespace

std::string to_text(Ipv4Address address) {
    return fmt::format("{}.{}.{}.{}", address.bits >> 24U, address.bits >> 16U & 0xffU,
                       address.bits >> 8U & 0xffU, address.bits & 0xffU);
}

std::optional<Ipv4Address> parse_ipv4_address(std::string_view text) {
    const std::vector<std::string> parts = split(text, '.');
    if (parts.size() != 4) return std::nullopt;
    Ipv4Address address;
    for (const std::string& part : parts) {
        const auto number = parse_number(part, 255);
        if (!number) return std::nullopt;
        address.bits = address.bits << 8U | static_cast<std::uint32_t>(*number);
    }
    return address;
}

Ipv4Address Ipv4Range::last() const {
    return at(size() - 1);
}

bool Ipv4Range::contains(Ipv4Address address) const {
    return (address.bits & mask_of(prefix_length)) == first.bits;
}

bool Ipv4Range::overlaps(const Ipv4Range& other) const {
    return contains(other.first) || other.contains(first);
}

Ipv4Address Ipv4Range::at(std::uint64_t index) const {
    return {.bits = first.bits + static_cast<std::uint32_t>(index)};
}

std::string to_text(const Ipv4Range& range) {
    return fmt::format("{}/{}", to_text(range.first), range.prefix_length);
}

std::optional<Ipv4Range> parse_ipv4_range(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = parse_ipv4_address(text.substr(0, slash));
    const auto length = parse_number(text.substr(slash + 1), 32);
    if (!address || !length) return std::nullopt;
    return Ipv4Range{.first = {.bits = address->bits & mask_of(*length)}, .prefix_length = *length};
}

std::string to_text(const PortRange& range) {
    if (range.first == range.last) return std::to_string(range.first);
    return fmt::format("{}-{}", range.first, range.last);
}

std::optional<PortRange> parse_port_range(std::string_view text) {
    const std::size_t hyphen = text.find('-');
    const auto first = parse_number(text.substr(0, hyphen), greatest_port);
    const auto last = hyphen == std::string_view::npos
                          ? first
                          : parse_number(text.substr(hyphen + 1), greatest_port);
    if (!first || !last || *first < 1 || *last < *first) return std::nullopt;
    return PortRange{.first = *first, .last = *last};
}

}  // namespace kiln
