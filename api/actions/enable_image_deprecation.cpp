#include <fmt/format.h>

#include "api/services.hpp"
#include "api/shapes/image_action.hpp"
#include "base/error.hpp"
#include "launcher/sharing/image_life.hpp"

namespace kiln::api {

namespace {

Time time_of(const std::string& text) {
    const auto time = parse_time(text);
    if (time) return *time;
    throw Error(error_code::invalid_parameter_value, text,
                fmt::format("Invalid value '{}' for DeprecateAt: expecting a time like "
                            "2030-01-31T12:00:00Z",
                            text));
}

}  // namespace

Action enable_image_deprecation() {
    return image_action(
        {.name = "EnableImageDeprecation",
         .summary = "Let others find an image only when they ask for it, from some time on",
         .example = "kiln enable-image-deprecation --image-id ami-0123456789abcdef0 "
                    "--deprecate-at 2030-01-31T12:00:00Z",
         .parameters = {{.name = "DeprecateAt",
                         .wire = "DeprecateAt",
                         .required = true,
                         .help = "From when on, in UTC; rounded to the minute"}}},
        [](Services& services, const images::Caller& caller, const ImageId& id,
           const Arguments& arguments) {
            launcher::deprecate_image(services.database, caller, id,
                                      time_of(arguments.required_text("DeprecateAt")),
                                      services.clock.now());
        });
}

}  // namespace kiln::api
