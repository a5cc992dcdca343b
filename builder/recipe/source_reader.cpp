#include "builder/recipe/source_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/error.hpp"

namespace kiln::builder {

namespace {

constexpr std::size_t longest_name = 255;

/// A recipe comes from others: it may have what lies beside it, and no more.
bool is_beside_recipe(const std::filesystem::path& path) {
    return path.is_relative() && std::ranges::find(path, "..") == path.end();
}

}  // namespace

std::string SourceReader::read(const YAML::Node& node, const std::string& key) {
    const std::string name = reader_.text(node, key, longest_name);
    if (!is_beside_recipe(name))
        reader_.fail(node, fmt::format("'{}' is not in the directory of the recipe", name));
    std::string content;
    try {
        content = read_(name);
    } catch (const Error& error) {
        reader_.fail(node, error.message());
    }
    reader_.count(node, content.size());
    size_ += content.size();
    if (size_ <= max_sources_size.value) return content;
    reader_.fail(node, fmt::format("with '{}' the files of the recipe are larger than {} KiB, "
                                   "which is what a request can carry: let a 'run' or 'provision' "
                                   "step fetch it by its URL",
                                   name, max_sources_size.value >> 10U));
}

std::string SourceReader::text_or_file(const YAML::Node& node, const std::string& key,
                                       std::size_t longest) {
    if (!node.IsMap()) return reader_.text(node, key, longest);
    reader_.check_mapping(node, fmt::format("'{}'", key), {"file"});
    const YAML::Node file = node["file"];
    if (!file) reader_.fail(node, fmt::format("'{}' is a text, or a mapping with 'file'", key));
    std::string text = read(file, "file");
    if (text.empty() || text.size() > longest || text.find('\0') != std::string::npos) {
        reader_.fail(file,
                     fmt::format("'{}' is no text of 1 to {} characters", file.Scalar(), longest));
    }
    return text;
}

}  // namespace kiln::builder
