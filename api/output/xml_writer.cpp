#include "api/output/xml_writer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "api/protocol/utf8.hpp"

namespace kiln::api {

namespace {

constexpr std::string_view declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// What stands for a byte in an element's text; empty: the byte itself.
using Replacements = std::array<std::string_view, 256>;

constexpr Replacements make_replacements() {
    Replacements replacements;
    for (std::size_t control = 0; control < 0x20; ++control)
        replacements[control] = "?";
    replacements['\t'] = {};
    replacements['\n'] = {};
    replacements['\r'] = "&#13;";  // a reader would make a line feed of it
    replacements['&'] = "&amp;";
    replacements['<'] = "&lt;";
    replacements['>'] = "&gt;";
    return replacements;
}
constexpr Replacements replacements = make_replacements();

/// The length of the character of several bytes there, 0 when no XML document may hold it.
std::size_t allowed_length(std::string_view text) {
    // U+FFFE and U+FFFF
    constexpr std::string_view no_characters[] = {"\xEF\xBF\xBE", "\xEF\xBF\xBF"};
    const bool forbidden = std::ranges::any_of(
        no_characters, [&](std::string_view sequence) { return text.starts_with(sequence); });
    return forbidden ? 0 : utf8_length(text);
}

void append_escaped(std::string& document, std::string_view value) {
    std::size_t begin = 0;
    std::size_t i = 0;
    while (i < value.size()) {
        const auto byte = static_cast<unsigned char>(value[i]);
        const std::size_t length = byte < 0x80 ? 1 : allowed_length(value.substr(i));
        const std::string_view replacement = length == 0 ? "?" : replacements[byte];
        if (!replacement.empty()) {
            document.append(value, begin, i - begin).append(replacement);
            begin = i + 1;
        }
        i += std::max<std::size_t>(length, 1);
    }
    document.append(value, begin);
}

}  // namespace

void XmlWriter::open(std::string_view name, std::string_view xml_namespace) {
    if (document_.empty()) document_ = declaration;
    document_.append("<").append(name);
    if (!xml_namespace.empty()) document_.append(" xmlns=\"").append(xml_namespace).append("\"");
    document_.append(">");
}

void XmlWriter::close(std::string_view name) {
    document_.append("</").append(name).append(">");
}

void XmlWriter::text(std::string_view name, std::string_view value) {
    open(name);
    append_escaped(document_, value);
    close(name);
}

std::string XmlWriter::take() {
    return std::exchange(document_, {});
}

}  // namespace kiln::api
