#include "base/decimal.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kiln {

namespace {

constexpr std::size_t places = 10;
constexpr std::size_t most_digits = 9;  // before the point
constexpr WideNumber one = 10'000'000'000;

bool are_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<Decimal> Decimal::parse(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const bool has_point = point != std::string_view::npos;
    const std::string_view fraction = has_point ? text.substr(point + 1) : "0";
    if (whole.empty() || whole.size() > most_digits || !are_digits(whole)) return std::nullopt;
    if (fraction.empty() || fraction.size() > places || !are_digits(fraction)) return std::nullopt;
    WideNumber value = 0;
    for (const char digit : fmt::format("{}{:0<{}}", whole, fraction, places))
        value = value * 10 + static_cast<unsigned>(digit - '0');
    return Decimal(value);
}

Decimal Decimal::ratio(WideNumber numerator, WideNumber denominator) {
    return Decimal((numerator * one + denominator / 2) / denominator);
}

std::string Decimal::str() const {
    std::string text =
        fmt::format("{}.{:0>{}}", ten_billionths_ / one, ten_billionths_ % one, places);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) text.pop_back();
    return text;
}

Decimal operator*(Decimal a, Decimal b) {
    return Decimal((a.ten_billionths_ * b.ten_billionths_ + one / 2) / one);
}

}  // namespace kiln
