#include "cli/output/field_path.hpp"

#include <algorithm>

#include "api/protocol/utf8.hpp"
#include "base/text.hpp"

namespace kiln::cli {

using api::OutputKind;
using api::OutputShape;

namespace {

std::string readable(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const std::size_t length = bytes.front() == '\0' ? 0 : api::utf8_length(bytes);
        if (length == 0) text += '?';
        text += bytes.substr(0, length);
        bytes.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return text;
}

/// The elements of a list, or the node itself.
std::vector<OutputNode> elements_of(const OutputNode& place) {
    const OutputKind kind = place.field->kind;
    if (kind != OutputKind::structure_list && kind != OutputKind::text_list) return {place};
    std::vector<OutputNode> elements;
    for (const pugi::xml_node item : place.node.children("item"))
        elements.push_back({item, place.field});
    return elements;
}

}  // namespace

std::vector<OutputNode> find_all(pugi::xml_node root, const OutputShape& shape,
                                 const std::string& path) {
    const std::size_t dot = path.find('.');
    const std::string name = path.substr(0, dot);
    const auto field = std::ranges::find(shape.fields, name, &api::OutputField::name);
    if (field == shape.fields.end()) return {};
    const pugi::xml_node node = root.child(field->wire.c_str());
    if (!node) return {};
    if (dot == std::string::npos) return elements_of({node, &*field});
    if (!field->shape) return {};
    std::vector<OutputNode> found;
    for (const OutputNode& element : elements_of({node, &*field}))
        std::ranges::move(find_all(element.node, *field->shape, path.substr(dot + 1)),
                          std::back_inserter(found));
    return found;
}

std::vector<std::string> texts_at(pugi::xml_node root, const OutputShape& shape,
                                  const std::string& path) {
    std::vector<std::string> texts;
    for (const OutputNode& place : find_all(root, shape, path))
        texts.push_back(scalar_text(place));
    return texts;
}

std::string text_at(pugi::xml_node root, const OutputShape& shape, const std::string& path) {
    const std::vector<std::string> texts = texts_at(root, shape, path);
    return texts.empty() ? "" : texts.front();
}

std::string scalar_text(const OutputNode& place) {
    const char* text = place.node.child_value();
    if (place.field->kind != OutputKind::encoded_text) return text;
    return readable(base64_decode(text).value_or(text));
}

}  // namespace kiln::cli
