#include "base/text.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cctype>
#include <numeric>

#include "base/sha256.hpp"

namespace kiln {

bool matches_wildcard(std::string_view text, std::string_view pattern) {
    std::size_t t = 0;
    std::size_t p = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_text = 0;
    while (t < text.size()) {
        const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
        const char wanted = escaped ? pattern[p + 1] : (p < pattern.size() ? pattern[p] : '\0');
        if (p < pattern.size() && !escaped && wanted == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.size() && (wanted == text[t] || (!escaped && wanted == '?'))) {
            p += escaped ? 2 : 1;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++star_text;  // let the last '*' take one character more
        } else {
            return false;
        }
    }
    return std::ranges::all_of(pattern.substr(p), [](char c) { return c == '*'; });
}

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

/// What is longer was not written by a person, and comparing takes time.
constexpr std::size_t longest_misspelt_word = 128;

}  // namespace

std::optional<std::string> nearest(std::string_view word,
                                   const std::vector<std::string>& candidates) {
    if (word.size() > longest_misspelt_word) return std::nullopt;
    std::optional<std::string> best;
    std::size_t best_distance = word.size() / 3 + 2;  // farther than this is no typing error
    for (const std::string& candidate : candidates) {
        const std::size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string to_kebab_case(std::string_view pascal_case) {
    std::string text;
    for (std::size_t i = 0; i < pascal_case.size(); ++i) {
        const char c = pascal_case[i];
        const bool upper = std::isupper(static_cast<unsigned char>(c)) != 0;
        const bool after_lower =
            i > 0 && std::isupper(static_cast<unsigned char>(pascal_case[i - 1])) == 0;
        const bool before_lower = i + 1 < pascal_case.size() &&
                                  std::islower(static_cast<unsigned char>(pascal_case[i + 1])) != 0;
        if (upper && i > 0 && (after_lower || before_lower)) text += '-';
        text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return text;
}

namespace {

/// The bytes of the UTF-8 sequence that begins `text` (RFC 3629); 0 when none does.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
    const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
    const bool too_large = lead == 0xf4 && byte(1) >= 0x90;
    return overlong || surrogate || too_large ? 0 : length;
}

}  // namespace

std::optional<std::size_t> count_characters(std::string_view text) {
    std::size_t count = 0;
    for (; !text.empty(); ++count) {
        const std::size_t length = sequence_length(text);
        if (length == 0) return std::nullopt;
        text.remove_prefix(length);
    }
    return count;
}

namespace {

bool is_base64_digit(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                       static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
    std::string packed;
    std::ranges::copy_if(text, std::back_inserter(packed),
                         [](char c) { return std::isspace(static_cast<unsigned char>(c)) == 0; });
    if (packed.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = packed.size() - std::min(packed.size(), packed.find('='));
    if (padding > 2) return std::nullopt;
    // EVP_DecodeBlock passes over some characters that are no base64.
    const std::string_view digits = std::string_view(packed).substr(0, packed.size() - padding);
    const bool padded_with_equals = packed.find_first_not_of('=', digits.size()) == packed.npos;
    if (!std::ranges::all_of(digits, is_base64_digit) || !padded_with_equals) return std::nullopt;
    std::string bytes(packed.size() / 4 * 3, '\0');
    const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                       reinterpret_cast<const unsigned char*>(packed.data()),
                                       static_cast<int>(packed.size()));
    if (length < 0) return std::nullopt;
    bytes.resize(static_cast<std::size_t>(length) - padding);
    return bytes;
}

std::string sha256_hex(std::string_view bytes) {
    Sha256 digest;
    digest.update(bytes);
    return digest.hex();
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

std::string on_one_line(std::string text) {
    std::ranges::replace_if(
        text, [](unsigned char c) { return std::iscntrl(c) != 0; }, ' ');
    return text;
}

std::string_view trim(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace kiln
