#pragma once

#include <compare>
#include <cstdint>

namespace kiln {

/// A number of bytes. EC2 counts volumes in GiB and memory in MiB; convert at the edge.
struct Bytes {
    std::uint64_t value = 0;

    static constexpr Bytes mebibytes(std::uint64_t count) { return {count << 20}; }
    static constexpr Bytes gibibytes(std::uint64_t count) { return {count << 30}; }

    constexpr std::uint64_t in_mebibytes() const { return value >> 20; }
    /// Rounded up: a volume of 1.5 GiB counts as 2.
    constexpr std::uint64_t in_gibibytes() const { return (value + (1ULL << 30) - 1) >> 30; }

    friend constexpr auto operator<=>(const Bytes&, const Bytes&) = default;
    friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.value + b.value}; }
};

}  // namespace kiln
