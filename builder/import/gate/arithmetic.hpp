#pragma once

#include <cstdint>
#include <limits>

namespace kiln::builder::gate {

/// Arithmetic on numbers that a foreign file holds. Nothing wraps around: a result that is too
/// large is the largest number, which no comparison with a limit lets pass.

inline constexpr std::uint64_t too_large = std::numeric_limits<std::uint64_t>::max();

constexpr std::uint64_t add(std::uint64_t a, std::uint64_t b) {
    return a > too_large - b ? too_large : a + b;
}

constexpr std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
    return b != 0 && a > too_large / b ? too_large : a * b;
}

/// Rounded up; `b` is not 0.
constexpr std::uint64_t divide_up(std::uint64_t a, std::uint64_t b) {
    return a / b + (a % b != 0 ? 1 : 0);
}

/// Up to a multiple of `unit`, which is not 0.
constexpr std::uint64_t round_up(std::uint64_t a, std::uint64_t unit) {
    return multiply(divide_up(a, unit), unit);
}

/// A part of a file.
struct Range {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;

    constexpr std::uint64_t end() const { return add(offset, length); }
    /// Whether all of it lies before `size`.
    constexpr bool is_within(std::uint64_t size) const {
        return offset <= size && length <= size - offset;
    }
    constexpr bool overlaps(const Range& other) const {
        return offset < other.end() && other.offset < end();
    }
};

}  // namespace kiln::builder::gate
