#include "api/shapes/recipe_parameters.hpp"

#include <map>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/catalog/image.hpp"

namespace kiln::api {

namespace {

using Sources = std::map<std::string, std::string>;

Sources sources_of(const Arguments& arguments) {
    Sources sources;
    for (const Arguments& source : arguments.structures("Source")) {
        const std::string name = source.required_text("Name");
        auto content = base64_decode(source.text("Content").value_or(""));
        if (!content) {
            throw Error(error_code::invalid_parameter_value, name,
                        "The content of the source '" + name + "' is not valid base64");
        }
        sources[name] = *std::move(content);
    }
    return sources;
}

builder::Recipe plain_recipe_of(const Arguments& arguments) {
    const auto name = arguments.text("Recipe");
    const auto text = arguments.text("RecipeText");
    if (text) {
        const Sources sources = sources_of(arguments);
        return builder::parse_recipe(
            *text, name.value_or("recipe"), [&](const std::string& source) {
                const auto found = sources.find(source);
                return found == sources.end() ? builder::no_source(source) : found->second;
            });
    }
    if (name) return builder::builtin_recipe(*name);
    throw Error(error_code::missing_parameter, "Recipe",
                "The request must contain the parameter Recipe or RecipeText");
}

Parameter sources_parameter() {
    return {
        .name = "Sources",
        .wire = "Source",
        .shape = Shape::structure,
        .list = true,
        .help = "The files that the recipe names; 'kiln build' sends them by itself",
        .members = {
            {.name = "Name", .wire = "Name", .required = true, .help = "As the recipe names it"},
            {.name = "Content", .wire = "Content", .shape = Shape::blob, .help = "What is in it"}}};
}

}  // namespace

std::vector<Parameter> recipe_parameters() {
    return {{.name = "Recipe",
             .wire = "Recipe",
             .help = "A built-in recipe; with --recipe-text, where that is from"},
            {.name = "RecipeText",
             .wire = "RecipeText",
             .help = "The recipe itself, in YAML; file://PATH reads a file"},
            sources_parameter(),
            {.name = "Architecture",
             .wire = "Architecture",
             .help = "Instead of the recipe's architecture",
             .choices = {"i386", "x86_64", "arm64"}},
            {.name = "BootMode",
             .wire = "BootMode",
             .help = "Instead of the recipe's boot mode",
             .choices = {"legacy-bios", "uefi", "uefi-preferred"}},
            {.name = "SecureBoot",
             .wire = "SecureBoot",
             .shape = Shape::boolean,
             .help = "With a signed boot loader, whose instances start nothing else"},
            {.name = "TpmSupport",
             .wire = "TpmSupport",
             .help = "Its instances have a TPM",
             .choices = {images::tpm_2_0}},
            {.name = "Kernel",
             .wire = "Kernel",
             .help = "A paravirtual image that this kernel of kiln's boots; of the recipe tiny",
             .choices = {"pv-grub-hd0", "pv-grub-hd00"}},
            {.name = "Mirror",
             .wire = "Mirror",
             .help = "The archive of packages, http://…, instead of those that the host's package "
                     "manager is set up with"},
            {.name = "Cache",
             .wire = "Cache",
             .shape = Shape::boolean,
             .help = "Whether layers that an earlier build has made are used; default true"}};
}

bool uses_cache(const Arguments& arguments) {
    return arguments.boolean("Cache").value_or(true);
}

builder::Recipe recipe_of(const Arguments& arguments) {
    builder::Recipe recipe = plain_recipe_of(arguments);
    builder::apply({.architecture = arguments.text("Architecture"),
                    .boot_mode = arguments.text("BootMode"),
                    .secure_boot = arguments.boolean("SecureBoot"),
                    .tpm = arguments.text("TpmSupport") ? std::optional(true) : std::nullopt,
                    .kernel = arguments.text("Kernel"),
                    .mirror = arguments.text("Mirror")},
                   recipe);
    return recipe;
}

}  // namespace kiln::api
