#include "api/output/xml_writer.hpp"

#include <array>
#include <utility>

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

void append_escaped(std::string& document, std::string_view value) {
    std::size_t begin = 0;
    for (std::size_t i = 0; i < value.size(); ++i) {
        const std::string_view replacement = replacements[static_cast<unsigned char>(value[i])];
        if (replacement.empty()) continue;
        document.append(value, begin, i - begin).append(replacement);
        begin = i + 1;
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
