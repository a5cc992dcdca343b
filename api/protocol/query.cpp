#include "api/protocol/query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "api/protocol/utf8.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace kiln::api {

namespace {

/// More than the parameters that a request may have, with what it is signed with.
constexpr std::size_t most_pairs = 1'100;

[[noreturn]] void refuse(const std::string& why) {
    throw Error("MalformedQueryString", "", "The query string is malformed: " + why);
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

std::string unescaped(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
        const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
        if (!high || !low) refuse("'%' must be followed by two hexadecimal digits");
        plain += static_cast<char>(*high * 16 + *low);
        i += 2;
    }
    return plain;
}

void check_text(const std::string& text) {
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto c = static_cast<unsigned char>(rest.front());
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) {
            refuse("it holds a control character");
        }
        const std::size_t length = utf8_length(rest);
        if (length == 0) refuse("it is not UTF-8");
        rest.remove_prefix(length);
    }
}

std::string decoded(std::string_view text) {
    std::string plain = unescaped(text);
    check_text(plain);
    return plain;
}

void append_escaped(std::string& text, std::string_view plain) {
    for (const char c : plain) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
            text += c;
        } else {
            text += fmt::format("%{:02X}", byte);
        }
    }
}

}  // namespace

WirePairs decode_query(std::string_view text) {
    WirePairs pairs;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
        if (part.empty()) continue;
        if (pairs.size() == most_pairs)
            refuse(fmt::format("it has more than {} parts", most_pairs));
        const std::size_t equals = part.find('=');
        const bool valued = equals != std::string_view::npos;
        pairs.emplace_back(decoded(part.substr(0, equals)),
                           valued ? decoded(part.substr(equals + 1)) : "");
    }
    return pairs;
}

std::string encode_query(const WirePairs& pairs) {
    std::string text;
    for (const auto& [name, value] : pairs) {
        if (!text.empty()) text += '&';
        append_escaped(text, name);
        text += '=';
        append_escaped(text, value);
    }
    return text;
}

}  // namespace kiln::api
