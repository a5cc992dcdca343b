#include <fmt/format.h>

#include "api/action.hpp"
#include "api/server/appliance_turn.hpp"
#include "api/shapes/image_comparison.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

/// As it lies below the root: "/etc", without slashes at its end.
std::string path_of(const Arguments& arguments) {
    std::string path = arguments.text("Path").value_or("/");
    if (!path.starts_with('/') || path.find('\0') != std::string::npos) {
        throw Error(error_code::invalid_parameter_value, "Path",
                    fmt::format("Value ({}) for parameter Path is invalid. It is a path from the "
                                "root of the images: /etc",
                                path));
    }
    while (path.ends_with('/'))
        path.pop_back();
    return path;
}

builder::ComparedImages handle(Services& services, const images::Caller& caller,
                               const Arguments& arguments) {
    const builder::ImagesToCompare wanted{
        .before = ImageId(arguments.required_text("FromImageId")),
        .after = ImageId(arguments.required_text("ToImageId")),
        .below = path_of(arguments),
        .packages_only = arguments.boolean("PackagesOnly").value_or(false)};
    const auto turn = take_appliance_turn();
    return builder::compare_images(services.database, services.regions, services.accelerators,
                                   caller, wanted, services.clock.now());
}

}  // namespace

Action compare_images() {
    return with_handler<builder::ComparedImages>(
        {.name = "CompareImages",
         .summary = "Show in which packages and files the systems of two images differ",
         .example = "kiln compare-images --from-image-id ami-0123456789abcdef0 --to-image-id "
                    "ami-0123456789abcdef1",
         .parameters = {{.name = "FromImageId",
                         .wire = "FromImageId",
                         .required = true,
                         .help = "The older image, which you own or may launch",
                         .image = ImageUse::image},
                        {.name = "ToImageId",
                         .wire = "ToImageId",
                         .required = true,
                         .help = "The newer image, which you own or may launch",
                         .image = ImageUse::image},
                        {.name = "Path",
                         .wire = "Path",
                         .help = "Only files at this path and below it; default: all"},
                        {.name = "PackagesOnly",
                         .wire = "PackagesOnly",
                         .shape = Shape::boolean,
                         .help = "Do not look at files"},
                        dry_run_parameter()},
         .table = {.rows = "Files.Changes", .columns = {"Change", "Path", "Details"}}},
        image_comparison_structure(), handle);
}

}  // namespace kiln::api
