#pragma once

#include "builder/recipe/recipe.hpp"
#include "builder/recipe/yaml_reader.hpp"

namespace kiln::builder {

/// The recipe that the value of 'base' begins: a built-in one, a Debian of another suite, or one on
/// an image or a disk.
Recipe read_base(const YamlReader& reader, const YAML::Node& node);

/// What a complaint calls the base: "tiny".
std::string base_name(const Recipe& recipe);

}  // namespace kiln::builder
