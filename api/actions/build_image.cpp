#include <algorithm>
#include <iterator>

#include "api/action.hpp"
#include "api/shapes/recipe_parameters.hpp"
#include "base/ids.hpp"
#include "builder/builder.hpp"

namespace kiln::api {

namespace {

constexpr const char* cleanup = "cleanup";

struct Result {
    ImageId image;
};

Structure<Result> output() {
    return Structure<Result>().text("ImageId", "imageId",
                                    [](const Result& r) { return r.image.str(); });
}

std::string name_of(const Arguments& arguments, const builder::Recipe& recipe) {
    if (const auto name = arguments.text("Name")) return *name;
    if (!recipe.name.empty()) return "";
    throw Error(error_code::missing_parameter, "Name",
                "The request must contain the parameter Name, or the recipe a name");
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const builder::Recipe recipe = recipe_of(arguments);
    return {services.builder.build_image(
        caller, {.name = name_of(arguments, recipe),
                 .description = arguments.text("Description").value_or(""),
                 .recipe = recipe,
                 .use_cache = uses_cache(arguments),
                 .keep_failed = arguments.text("OnFailure").value_or(cleanup) != cleanup,
                 .key_name = arguments.text("KeyName").value_or("")})};
}

std::vector<Parameter> parameters() {
    std::vector<Parameter> all{
        {.name = "Name",
         .wire = "Name",
         .help = "Name of the image; may be left out when the recipe has one"},
        {.name = "Description", .wire = "Description", .help = "What the image is"}};
    std::ranges::move(recipe_parameters(), std::back_inserter(all));
    all.push_back({.name = "OnFailure",
                   .wire = "OnFailure",
                   .help =
                       "What becomes of the instance or the disk whose step has failed: it goes "
                       "(cleanup), or stays for a look (keep); with shell, 'kiln build' also "
                       "logs in to the instance",
                   .choices = {cleanup, "keep", "shell"}});
    all.push_back({.name = "KeyName",
                   .wire = "KeyName",
                   .help = "A key pair of yours, to log in to an instance that stays"});
    all.push_back(dry_run_parameter());
    return all;
}

}  // namespace

Action build_image() {
    return with_handler<Result>(
        {.name = "BuildImage",
         .summary =
             "Start to build an image from a recipe (`kiln build` also waits and shows how far "
             "it is)",
         .example = "kiln build-image --recipe debian-12 --name golden-1",
         .parameters = parameters(),
         .table = {.columns = {"ImageId"}},
         .is_local = true},
        output(), handle);
}

}  // namespace kiln::api
