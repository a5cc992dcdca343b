#include "cli/output/field_path.hpp"

#include <algorithm>

#include "api/protocol/utf8.hpp"
#include "base/text.hpp"

namespace kiln::cli {

using api::OutputField;
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

bool is_list(const OutputField& field) {
    return field.kind == OutputKind::structure_list || field.kind == OutputKind::text_list;
}

}  // namespace

FieldPath field_path(const OutputShape& shape, const std::string& path) {
    FieldPath fields;
    const OutputShape* place = &shape;
    for (const std::string& name : split(path, '.')) {
        if (place == nullptr) return {};
        const auto field = std::ranges::find(place->fields, name, &OutputField::name);
        if (field == place->fields.end()) return {};
        fields.push_back(&*field);
        place = field->shape.get();
    }
    return fields;
}

void for_each_place(pugi::xml_node root, std::span<const OutputField* const> path,
                    const std::function<void(const OutputNode&)>& visit) {
    if (path.empty()) return;
    const OutputField& field = *path.front();
    const auto go_on = [&](pugi::xml_node node) {
        path.size() == 1 ? visit({node, &field}) : for_each_place(node, path.subspan(1), visit);
    };
    const pugi::xml_node node = root.child(field.wire.c_str());
    if (!node) return;
    if (!is_list(field)) return go_on(node);
    for (const pugi::xml_node item : node.children("item"))
        go_on(item);
}

std::vector<OutputNode> find_all(pugi::xml_node root, const OutputShape& shape,
                                 const std::string& path) {
    std::vector<OutputNode> found;
    for_each_place(root, field_path(shape, path),
                   [&](const OutputNode& place) { found.push_back(place); });
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
