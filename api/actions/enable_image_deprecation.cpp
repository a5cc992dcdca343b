#include "api/services.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/image_action.hpp"
#include "base/clock.hpp"
#include "launcher/sharing/image_life.hpp"

namespace kiln::api {

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
                                      time_of(arguments, "DeprecateAt").value(),
                                      services.clock.now());
        });
}

}  // namespace kiln::api
