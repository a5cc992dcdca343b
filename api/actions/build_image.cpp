#include "api/action.hpp"
#include "base/ids.hpp"
#include "builder/builder.hpp"
#include "builder/recipe/recipe.hpp"
#include "images/catalog/image.hpp"

namespace kiln::api {

namespace {

struct Result {
    ImageId image;
};

Structure<Result> output() {
    return Structure<Result>().text("ImageId", "imageId",
                                    [](const Result& r) { return r.image.str(); });
}

builder::Recipe recipe_of(const Arguments& arguments) {
    const auto name = arguments.text("Recipe");
    const auto text = arguments.text("RecipeText");
    if (text) return builder::parse_recipe(*text, name.value_or("recipe"));
    if (name) return builder::builtin_recipe(*name);
    throw Error(error_code::missing_parameter, "Recipe",
                "The request must contain the parameter Recipe or RecipeText");
}

builder::Recipe changed_recipe_of(const Arguments& arguments) {
    builder::Recipe recipe = recipe_of(arguments);
    builder::apply({.architecture = arguments.text("Architecture"),
                    .boot_mode = arguments.text("BootMode"),
                    .secure_boot = arguments.boolean("SecureBoot"),
                    .tpm = arguments.text("TpmSupport") ? std::optional(true) : std::nullopt,
                    .kernel = arguments.text("Kernel"),
                    .mirror = arguments.text("Mirror")},
                   recipe);
    return recipe;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    return {services.builder.build_image(caller,
                                         {.name = arguments.required_text("Name"),
                                          .description = arguments.text("Description").value_or(""),
                                          .recipe = changed_recipe_of(arguments)})};
}

}  // namespace

Action build_image() {
    return with_handler<Result>(
        {.name = "BuildImage",
         .summary =
             "Start to build an image from a recipe (`kiln build` also waits and shows how far "
             "it is)",
         .example = "kiln build-image --recipe debian-12 --name golden-1",
         .parameters =
             {{.name = "Name", .wire = "Name", .required = true, .help = "Name of the image"},
              {.name = "Description", .wire = "Description", .help = "What the image is"},
              {.name = "Recipe",
               .wire = "Recipe",
               .help = "A built-in recipe; with --recipe-text, where that is from"},
              {.name = "RecipeText",
               .wire = "RecipeText",
               .help = "The recipe itself, in YAML; file://PATH reads a file"},
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
               .help =
                   "The archive of packages, http://…, instead of those that the host's package "
                   "manager is set up with"},
              dry_run_parameter()},
         .table = {.columns = {"ImageId"}},
         .is_local = true},
        output(), handle);
}

}  // namespace kiln::api
