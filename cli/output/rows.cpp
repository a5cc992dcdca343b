#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "cli/output/field_path.hpp"
#include "cli/output/table.hpp"

namespace kiln::cli {

using api::OutputField;
using api::OutputKind;
using api::OutputShape;

namespace {

bool is_scalar(const OutputField& field) {
    return field.kind == OutputKind::text || field.kind == OutputKind::encoded_text ||
           field.kind == OutputKind::integer || field.kind == OutputKind::boolean;
}

std::vector<std::string> scalar_columns(const OutputShape& shape) {
    std::vector<std::string> columns;
    for (const OutputField& field : shape.fields) {
        if (is_scalar(field)) columns.push_back(field.name);
    }
    return columns;
}

/// What an action that declares no table shows.
api::Table default_table(const OutputShape& shape) {
    if (shape.fields.size() == 1 && shape.fields.front().name == "Return") return {};
    const auto is_list = [](const OutputField& field) {
        return field.kind == OutputKind::structure_list;
    };
    if (std::ranges::count_if(shape.fields, is_list) == 1) {
        const OutputField& list = *std::ranges::find_if(shape.fields, is_list);
        return {.rows = list.name, .columns = scalar_columns(*list.shape)};
    }
    return {.columns = scalar_columns(shape)};
}

/// "State.Name" is a State; "Placement.AvailabilityZone" an AvailabilityZone.
std::string heading_of(const std::string& column) {
    std::vector<std::string> parts = split(column, '.');
    const bool generic = parts.size() > 1 && (parts.back() == "Name" || parts.back() == "Value" ||
                                              parts.back() == "Code" || parts.back() == "Status" ||
                                              parts.back() == "Amount");
    if (generic) parts.pop_back();
    return parts.back();
}

/// Of a tag its "key=value", of another structure all that it has.
std::string structure_text(const OutputNode& place) {
    std::vector<std::string> texts;
    for (const OutputField& field : place.field->shape->fields) {
        const pugi::xml_node node = place.node.child(field.wire.c_str());
        if (node && is_scalar(field)) texts.push_back(scalar_text({node, &field}));
    }
    return fmt::format("{}", fmt::join(texts, "="));
}

std::string cell_of(pugi::xml_node row, const FieldPath& column) {
    std::string cell;
    bool first = true;
    for_each_place(row, column, [&](const OutputNode& place) {
        if (!std::exchange(first, false)) cell += ',';
        cell += place.field->shape ? structure_text(place) : scalar_text(place);
    });
    return cell;
}

std::vector<FieldPath> paths_of(const std::vector<std::string>& columns, const OutputShape& shape) {
    std::vector<FieldPath> paths;
    paths.reserve(columns.size());
    for (const std::string& column : columns)
        paths.push_back(field_path(shape, column));
    return paths;
}

}  // namespace

Rows rows_of(const api::Action& action, pugi::xml_node response) {
    const OutputShape& shape = *action.output;
    const api::Table table = action.table.columns.empty() ? default_table(shape) : action.table;
    Rows rows;
    std::ranges::transform(table.columns, std::back_inserter(rows.headings), heading_of);
    const FieldPath way_to_rows = table.rows.empty() ? FieldPath{} : field_path(shape, table.rows);
    const OutputShape& row_shape = way_to_rows.empty() ? shape : *way_to_rows.back()->shape;
    const std::vector<FieldPath> columns = paths_of(table.columns, row_shape);
    const auto add_row = [&](pugi::xml_node node) {
        std::vector<std::string>& cells = rows.cells.emplace_back();
        cells.reserve(columns.size());
        for (const FieldPath& column : columns)
            cells.push_back(cell_of(node, column));
    };
    if (way_to_rows.empty()) {
        if (!columns.empty()) add_row(response);
    } else {
        for_each_place(response, way_to_rows,
                       [&](const OutputNode& place) { add_row(place.node); });
    }
    return rows;
}

}  // namespace kiln::cli
