#pragma once

#include <functional>
#include <pugixml.hpp>
#include <span>
#include <string>
#include <vector>

#include "api/output/structure.hpp"

namespace kiln::cli {

/// A place in a response that a path of SDK names leads to.
struct OutputNode {
    pugi::xml_node node;
    const api::OutputField* field;
};

/// The fields on the way of a path ("State.Name"); empty when the shape has no such path.
using FieldPath = std::vector<const api::OutputField*>;
FieldPath field_path(const api::OutputShape& shape, const std::string& path);
/// Visits all places that the path leads to, through every element of the lists on its way.
void for_each_place(pugi::xml_node root, std::span<const api::OutputField* const> path,
                    const std::function<void(const OutputNode&)>& visit);

/// All places that a path ("Reservations.Instances.State.Name") leads to, through every element of
/// the lists on its way. Empty when nothing is there or the shape has no such path.
std::vector<OutputNode> find_all(pugi::xml_node root, const api::OutputShape& shape,
                                 const std::string& path);
/// Their texts; of a list, each element's.
std::vector<std::string> texts_at(pugi::xml_node root, const api::OutputShape& shape,
                                  const std::string& path);
/// The first of the texts, or nothing.
std::string text_at(pugi::xml_node root, const api::OutputShape& shape, const std::string& path);

/// The text of a scalar. Encoded bytes are decoded, with '?' for what is not UTF-8 text.
std::string scalar_text(const OutputNode& place);

}  // namespace kiln::cli
