#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kiln {

/// Whole numbers of 128 bits: products of sizes and times do not fit 64.
__extension__ typedef unsigned __int128 WideNumber;

/// A number of ten places after the point, 0 or more: money and what it is charged for. It is kept
/// in whole 10⁻¹⁰, so that a sum is the same in any order.
class Decimal {
  public:
    constexpr Decimal() = default;

    /// "12" or "0.0104": at most nine digits before the point and ten after it. nullopt for any
    /// other text.
    static std::optional<Decimal> parse(std::string_view text);
    /// numerator / denominator to the nearest 10⁻¹⁰. The numerator is less than 10²⁸.
    static Decimal ratio(WideNumber numerator, WideNumber denominator);

    /// As short as it can be said: "0.0104", "12".
    std::string str() const;

    friend constexpr auto operator<=>(const Decimal&, const Decimal&) = default;
    friend constexpr Decimal operator+(Decimal a, Decimal b) {
        return Decimal(a.ten_billionths_ + b.ten_billionths_);
    }
    /// To the nearest 10⁻¹⁰. Each is less than 10⁹.
    friend Decimal operator*(Decimal a, Decimal b);

  private:
    explicit constexpr Decimal(WideNumber ten_billionths) : ten_billionths_(ten_billionths) {}

    WideNumber ten_billionths_ = 0;
};

}  // namespace kiln
