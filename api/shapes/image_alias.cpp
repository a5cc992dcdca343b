#include "api/shapes/image_alias.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/settings.hpp"

namespace kiln::api {

const Structure<images::ImageAlias>& image_alias_structure() {
    using images::ImageAlias;
    static const auto structure =
        Structure<ImageAlias>()
            .text("Alias", "alias", [](const ImageAlias& a) { return a.name; })
            .text("ImageId", "imageId", [](const ImageAlias& a) { return a.image.str(); })
            .text("Updated", "updated", [](const ImageAlias& a) { return format_time(a.updated); });
    return structure;
}

Parameter alias_parameter(std::string help) {
    return {.name = "Alias", .wire = "Alias", .required = true, .help = std::move(help)};
}

std::string alias_of(const Services& services, const Arguments& arguments) {
    std::string name = images::checked_alias_name(arguments.required_text("Alias"));
    if (!images::is_image_id(name) || services.settings.foreign_image_aliases) return name;
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("The AMI id '{}' cannot be an image alias here: whoever runs the "
                            "service allows it with foreign_image_aliases: true in its "
                            "configuration",
                            name));
}

}  // namespace kiln::api
