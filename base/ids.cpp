#include "base/ids.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/random.hpp"

namespace kiln {

namespace {

constexpr std::size_t short_id_digits = 8;  // ids that EC2 made before 2016
constexpr std::size_t long_id_digits = 17;
constexpr std::size_t account_id_digits = 12;

bool is_hex_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

}  // namespace

namespace detail {

void check_id(std::string_view text, std::string_view prefix, const char* malformed_code) {
    const bool has_prefix =
        text.starts_with(prefix) && text.size() > prefix.size() && text[prefix.size()] == '-';
    const std::string_view digits = has_prefix ? text.substr(prefix.size() + 1) : "";
    const bool right_length = digits.size() == short_id_digits || digits.size() == long_id_digits;
    if (right_length && std::ranges::all_of(digits, is_hex_digit)) return;
    throw Error(malformed_code, std::string(text),
                fmt::format("Invalid id: \"{}\" (expecting \"{}-\" and {} hexadecimal digits)",
                            text, prefix, long_id_digits));
}

std::string generate_id(std::string_view prefix) {
    return fmt::format("{}-{}", prefix, random_hex(long_id_digits));
}

}  // namespace detail

AccountId::AccountId(std::string text) : text_(std::move(text)) {
    if (is_valid(text_)) return;
    throw Error(
        error_code::invalid_parameter_value, text_,
        fmt::format("Invalid account id: \"{}\" (expecting {} digits)", text_, account_id_digits));
}

bool AccountId::is_valid(std::string_view text) {
    return text.size() == account_id_digits &&
           std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

AccountId AccountId::generate() {
    constexpr std::uint64_t lowest = 100'000'000'000;
    constexpr std::uint64_t count = 900'000'000'000;
    return AccountId(std::to_string(lowest + random_number() % count));
}

}  // namespace kiln
