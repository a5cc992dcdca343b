#include "api/sigv4/canonical.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/error.hpp"

namespace kiln::sigv4 {

namespace {

bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

unsigned digit_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    throw Error("MalformedQueryString", "",
                "The query string is malformed: '%' must be followed by two hexadecimal digits");
}

std::string unescaped(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        const char high = i + 1 < text.size() ? text[i + 1] : ' ';
        const char low = i + 2 < text.size() ? text[i + 2] : ' ';
        plain += static_cast<char>(digit_of(high) * 16 + digit_of(low));
        i += 2;
    }
    return plain;
}

/// Calls `with` for what stands between separators, empty parts too.
template <class With>
void each_part(std::string_view text, char separator, With with) {
    while (true) {
        const std::size_t end = text.find(separator);
        with(text.substr(0, end));
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 1);
    }
}

}  // namespace

std::string escaped(std::string_view plain) {
    constexpr std::array<char, 16> digits{'0', '1', '2', '3', '4', '5', '6', '7',
                                          '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};
    std::string text;
    text.reserve(plain.size());
    for (const char c : plain) {
        if (is_unreserved(c)) {
            text += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        text += '%';
        text += digits.at(byte >> 4U);
        text += digits.at(byte & 0xFU);
    }
    return text;
}

Pairs decoded_pairs(std::string_view query) {
    Pairs pairs;
    each_part(query, '&', [&](std::string_view part) {
        if (part.empty()) return;
        const std::size_t equals = part.find('=');
        pairs.emplace_back(
            unescaped(part.substr(0, equals)),
            equals == std::string_view::npos ? "" : unescaped(part.substr(equals + 1)));
    });
    return pairs;
}

std::string canonical_query(const Pairs& pairs) {
    Pairs encoded;
    encoded.reserve(pairs.size());
    for (const auto& [name, value] : pairs)
        encoded.emplace_back(escaped(name), escaped(value));
    std::ranges::sort(encoded);
    std::string text;
    for (const auto& [name, value] : encoded) {
        if (!text.empty()) text += '&';
        text += name;
        text += '=';
        text += value;
    }
    return text;
}

std::string normalized_path(std::string_view path) {
    std::vector<std::string_view> kept;
    each_part(path, '/', [&](std::string_view segment) {
        if (segment.empty() || segment == ".") return;
        if (segment != "..") {
            kept.push_back(segment);
        } else if (!kept.empty()) {
            kept.pop_back();
        }
    });
    std::string text;
    for (const std::string_view segment : kept) {
        text += '/';
        text += segment;
    }
    const bool is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if (text.empty() || is_folder) text += '/';
    return text;
}

std::string canonical_path(std::string_view path) {
    std::string text;
    each_part(path, '/', [&](std::string_view segment) {
        text += escaped(segment);
        text += '/';
    });
    text.pop_back();
    return text.empty() ? "/" : text;
}

std::string canonical_value(std::string_view value) {
    std::string text;
    text.reserve(value.size());
    for (const char c : value) {
        if (!is_space(c)) {
            text += c;
        } else if (!text.empty() && text.back() != ' ') {
            text += ' ';
        }
    }
    if (text.ends_with(' ')) text.pop_back();
    return text;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

}  // namespace kiln::sigv4
