#include "builder/recipe/read_base.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <regex>

#include "base/ids.hpp"
#include "base/sha256.hpp"

namespace kiln::builder {

namespace {

constexpr std::string_view suite_prefix = "debian:";
constexpr std::size_t longest_word = 256;
constexpr std::size_t longest_address = 1'024;

std::string suite_of(const YamlReader& reader, const YAML::Node& node, const std::string& base) {
    static const std::regex form("[a-z][a-z0-9-]{0,31}");
    std::string suite = base.substr(suite_prefix.size());
    if (suite.size() <= longest_word && std::regex_match(suite, form)) return suite;
    reader.fail(node, fmt::format("'{}' names no suite: write it like debian:trixie", base));
}

Recipe read_name(const YamlReader& reader, const YAML::Node& node) {
    const std::string name = reader.text(node, "base", longest_word);
    if (name.starts_with(suite_prefix)) {
        Recipe recipe = builtin_recipe("debian-12");
        recipe.suite = suite_of(reader, node, name);
        recipe.description = fmt::format("Debian ({})", recipe.suite);
        return recipe;
    }
    const std::vector<std::string> known = builtin_recipe_names();
    if (std::ranges::find(known, name) != known.end()) return builtin_recipe(name);
    reader.fail(node, fmt::format("unknown base '{}'{}", name, did_you_mean(name, known)));
}

std::vector<std::pair<std::string, std::string>> read_tags(const YamlReader& reader,
                                                           const YAML::Node& node) {
    if (!node.IsMap() || node.size() > images::max_tags_per_resource)
        reader.fail(node, "'tags' is a mapping of keys and values");
    std::vector<std::pair<std::string, std::string>> tags;
    for (const auto& entry : node) {
        tags.emplace_back(reader.text(entry.first, "tags", longest_word),
                          reader.text(entry.second, "tags", longest_word));
    }
    return tags;
}

std::string read_owner(const YamlReader& reader, const YAML::Node& node) {
    std::string owner = reader.text(node, "owner", longest_word);
    if (owner == "self" || AccountId::is_valid(owner)) return owner;
    reader.fail(node, fmt::format("'owner' is '{}': self, or the 12 digits of an account", owner));
}

images::Architecture read_architecture(const YamlReader& reader, const YAML::Node& node) {
    static const std::vector<std::string> known{"x86_64", "i386", "arm64"};
    const std::string name = reader.text(node, "architecture", longest_word);
    if (std::ranges::find(known, name) != known.end()) return images::parse_architecture(name);
    reader.fail(node, fmt::format("unknown architecture '{}'{}", name, did_you_mean(name, known)));
}

NewestBase read_newest(const YamlReader& reader, const YAML::Node& node) {
    reader.check_mapping(node, "'newest'", {"owner", "name", "architecture", "tags"});
    NewestBase newest;
    if (const auto owner = node["owner"]) newest.owner = read_owner(reader, owner);
    if (const auto name = node["name"]) newest.name = reader.text(name, "name", longest_word);
    if (const auto word = node["architecture"])
        newest.architecture = read_architecture(reader, word);
    if (const auto tags = node["tags"]) newest.tags = read_tags(reader, tags);
    if (newest.name.empty() && newest.tags.empty())
        reader.fail(node, "'newest' needs a name or tags: {name: 'web-*'}");
    return newest;
}

ForeignBase read_foreign(const YamlReader& reader, const YAML::Node& node) {
    static const std::regex address("https?://[^\\s'\"]+");
    ForeignBase base;
    if (const auto file = node["file"]) base.file = reader.text(file, "file", longest_address);
    if (const auto url = node["url"]) {
        base.url = reader.text(url, "url", longest_address);
        if (!std::regex_match(base.url, address))
            reader.fail(url, "'url' is no http or https address");
    }
    const YAML::Node sum = node["sha256"];
    if (!sum) reader.fail(node, "'sha256' is missing: the checksum of the file");
    base.sha256 = reader.text(sum, "sha256", longest_word);
    if (!is_sha256_hex(base.sha256))
        reader.fail(sum, "'sha256' is no checksum: 64 digits of 0-9 and a-f");
    return base;
}

RecipeBase read_elsewhere(const YamlReader& reader, const YAML::Node& node) {
    reader.check_mapping(node, "'base'", {"image", "newest", "file", "url", "sha256"});
    int kinds = 0;
    for (const char* key : {"image", "newest", "file", "url"})
        kinds += node[key] ? 1 : 0;
    if (kinds != 1) reader.fail(node, "'base' has one of image, newest, file and url");
    if (node["file"] || node["url"]) return read_foreign(reader, node);
    if (const auto sum = node["sha256"]) reader.fail(sum, "'sha256' is for a file or a url");
    if (const auto image = node["image"])
        return ImageBase{.image = reader.text(image, "image", longest_word)};
    return read_newest(reader, node["newest"]);
}

}  // namespace

Recipe read_base(const YamlReader& reader, const YAML::Node& node) {
    if (node.IsMap()) return {.base = read_elsewhere(reader, node)};
    return read_name(reader, node);
}

std::string base_name(const Recipe& recipe) {
    if (!is_made_of_packages(recipe)) return "image";
    switch (recipe.kind) {
        case RecipeKind::debian:
            if (recipe.suite == "bookworm") return "debian-12";
            if (recipe.suite == "trixie") return "debian-13";
            return std::string(suite_prefix) + recipe.suite;
        case RecipeKind::tiny:
            return "tiny";
        case RecipeKind::pv_appliance:
            return "pv-appliance";
    }
    std::abort();
}

}  // namespace kiln::builder
