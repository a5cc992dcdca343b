#include "cli/recipe/recipe_argument.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "builder/recipe/recipe.hpp"

namespace kiln::cli {

namespace {

constexpr Bytes max_recipe_size{128U << 10U};  // with the sources it must fit into a request

std::string read_source(const std::filesystem::path& directory, const std::string& name) {
    const auto path = std::filesystem::weakly_canonical(directory / name);
    const auto inside = path.lexically_relative(std::filesystem::weakly_canonical(directory));
    if (inside.empty() || *inside.begin() == "..") {
        throw Error(error_code::invalid_parameter_value, name,
                    fmt::format("'{}' leads out of the directory of the recipe", name));
    }
    if (std::filesystem::is_regular_file(path) &&
        std::filesystem::file_size(path) > builder::max_sources_size.value) {
        throw Error(error_code::invalid_parameter_value, name,
                    fmt::format("'{}' is larger than {} KiB, which is what a request can carry: "
                                "let a 'run' or 'provision' step fetch it by its URL",
                                name, builder::max_sources_size.value >> 10U));
    }
    return read_file(path, builder::max_sources_size);
}

/// Where the disk is from, as the user would name it.
std::optional<BaseDisk> base_disk_of(const builder::Recipe& recipe,
                                     const std::filesystem::path& directory) {
    const auto* base = std::get_if<builder::ForeignBase>(&recipe.base);
    if (base == nullptr) return std::nullopt;
    return BaseDisk{.source = base->file.empty() ? base->url : (directory / base->file).string(),
                    .sha256 = base->sha256};
}

/// The files that the recipe names, for the service, which may not see them, or others of those
/// names. What else is wrong with the recipe, the service says.
void add_sources(RecipeArgument& argument, const std::filesystem::path& recipe,
                 const std::string& text) {
    std::size_t count = 0;
    std::size_t size = 0;
    bool unreadable = false;
    const auto directory = std::filesystem::absolute(recipe).parent_path();
    const auto collect = [&](const std::string& name) {
        unreadable = true;  // unless it can be read, and all of them fit into a request
        std::string content = read_source(directory, name);
        size += content.size();
        unreadable = size > builder::max_sources_size.value;
        const std::string prefix = fmt::format("Source.{}.", ++count);
        argument.pairs.emplace_back(prefix + "Name", name);
        argument.pairs.emplace_back(prefix + "Content", base64_encode(content));
        return content;
    };
    try {
        argument.base = base_disk_of(builder::parse_recipe(text, recipe, collect), directory);
    } catch (const Error&) {
        if (unreadable) throw;
    }
}

}  // namespace

RecipeArgument read_recipe(const std::string& recipe) {
    const bool file = recipe.find('/') != std::string::npos || recipe.ends_with(".yaml") ||
                      recipe.ends_with(".yml") || std::filesystem::is_regular_file(recipe);
    if (!file) return {.pairs = {{"Recipe", recipe}}};
    const std::string text = read_file(recipe, max_recipe_size);
    RecipeArgument argument{.pairs = {{"Recipe", recipe}, {"RecipeText", text}}};
    add_sources(argument, recipe, text);
    return argument;
}

}  // namespace kiln::cli
