#include "cli/output/text_width.hpp"

#include <wchar.h>

#include <algorithm>

#include "api/protocol/utf8.hpp"

namespace kiln::cli {

namespace {

struct Character {
    std::size_t length;  // in bytes
    std::size_t width;   // in columns
};

wchar_t code_point(std::string_view sequence) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
    const unsigned lead_bits = sequence.size() == 1 ? 0x7FU : 0xFFU >> (sequence.size() + 1);
    unsigned code = byte(0) & lead_bits;
    for (std::size_t i = 1; i < sequence.size(); ++i)
        code = code << 6U | (byte(i) & 0x3FU);
    return static_cast<wchar_t>(code);
}

Character first_character(std::string_view text) {
    const std::size_t length = api::utf8_length(text);
    if (length <= 1) return {.length = 1, .width = 1};
    const int width = ::wcwidth(code_point(text.substr(0, length)));
    return {.length = length, .width = width < 0 ? 1U : static_cast<std::size_t>(width)};
}

bool is_ascii(char c) {
    return static_cast<unsigned char>(c) < 0x80;
}

bool is_control(char c) {
    const auto code = static_cast<unsigned char>(c);
    return code < 0x20 || code == 0x7F;
}

}  // namespace

std::size_t text_width(std::string_view text) {
    if (std::ranges::all_of(text, is_ascii)) return text.size();
    std::size_t width = 0;
    while (!text.empty()) {
        const Character character = first_character(text);
        width += character.width;
        text.remove_prefix(character.length);
    }
    return width;
}

std::string shortened(const std::string& text, std::size_t width) {
    if (text_width(text) <= width) return text;
    std::size_t length = 0;
    std::size_t used = 1;  // of the ellipsis
    while (length < text.size()) {
        const Character character = first_character(std::string_view(text).substr(length));
        if (used + character.width > width) break;
        used += character.width;
        length += character.length;
    }
    return text.substr(0, length) + "…";
}

std::string without_controls(const std::string& text) {
    std::string plain = text;
    std::ranges::replace_if(plain, is_control, ' ');
    return plain;
}

}  // namespace kiln::cli
