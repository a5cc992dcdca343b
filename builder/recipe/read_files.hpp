#pragma once

#include "builder/recipe/source_reader.hpp"

namespace kiln::builder {

/// Names of packages. Throws for any other text.
std::vector<std::string> read_packages(const YamlReader& reader, const YAML::Node& node);
/// The name of a user. Throws for any other text.
std::string read_user_name(const YamlReader& reader, const YAML::Node& node,
                           const std::string& key);

FilesStep read_files(const YamlReader& reader, SourceReader& sources, const YAML::Node& node);
UsersStep read_users(const YamlReader& reader, const YAML::Node& node);

}  // namespace kiln::builder
