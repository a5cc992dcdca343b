#pragma once

#include "builder/recipe/recipe.hpp"
#include "builder/recipe/yaml_reader.hpp"

namespace kiln::builder {

/// Reads files that the recipe names, and counts how large they are together.
class SourceReader {
  public:
    SourceReader(const YamlReader& reader, const ReadSource& read) : reader_(reader), read_(read) {}

    /// The content of the file that the node names. Throws as YamlReader does, for a name that
    /// leads out of the recipe's directory, too.
    std::string read(const YAML::Node& node, const std::string& key);
    /// The node's own text, or of a mapping with `file` alone that file's; 1 to `longest` bytes.
    std::string text_or_file(const YAML::Node& node, const std::string& key, std::size_t longest);

  private:
    const YamlReader& reader_;
    const ReadSource& read_;
    std::size_t size_ = 0;
};

}  // namespace kiln::builder
