#include "images/bundles/object_name.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t min_bucket_length = 3;
constexpr std::size_t max_bucket_length = 63;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c);
}

bool is_bucket_character(char c) {
    return is_letter_or_digit(c) || c == '.' || c == '-';
}

bool looks_like_ipv4(std::string_view text) {
    return std::ranges::count(text, '.') == 3 &&
           std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; });
}

bool is_bucket_name(std::string_view text) {
    return text.size() >= min_bucket_length && text.size() <= max_bucket_length &&
           std::ranges::all_of(text, is_bucket_character) && is_letter_or_digit(text.front()) &&
           is_letter_or_digit(text.back()) && text.find("..") == text.npos &&
           !looks_like_ipv4(text);
}

}  // namespace

std::string to_text(const ObjectName& name) {
    return name.bucket + "/" + name.key;
}

void check_bucket_name(std::string_view bucket) {
    if (is_bucket_name(bucket)) return;
    throw Error(
        "InvalidBucketName", std::string(bucket),
        fmt::format("'{}' is not a bucket name: use 3 to 63 of a-z, 0-9, '.' and '-', with a "
                    "letter or digit at both ends, and no IP address",
                    bucket));
}

void check_object_key(std::string_view key) {
    if (key.size() > max_object_key_bytes) {
        throw Error("KeyTooLongError", "",
                    fmt::format("the object key of {} bytes is too long: use at most {}",
                                key.size(), max_object_key_bytes));
    }
    if (!key.empty() && is_plain_text(key)) return;
    throw Error(error_code::invalid_parameter_value, "",
                "an object key must be 1 to 1024 bytes of UTF-8 without control characters");
}

bool is_plain_text(std::string_view text) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
    return count_characters(text).has_value() && std::ranges::none_of(text, is_control);
}

}  // namespace kiln::images
