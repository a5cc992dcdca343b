#include "api/services.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/image_action.hpp"
#include "api/shapes/launch_permission.hpp"

namespace kiln::api {

Action reset_image_attribute() {
    return image_action(
        {.name = "ResetImageAttribute",
         .summary = "Let nobody else launch an image of yours any more",
         .example = "kiln reset-image-attribute --image-id ami-0123456789abcdef0 --attribute "
                    "launchPermission",
         .parameters = {attribute_parameter("The attribute to reset", {launch_permission})}},
        [](Services& services, const images::Caller& caller, const ImageId& id, const Arguments&) {
            launcher::reset_launch_permission(services.database, caller, id);
        });
}

}  // namespace kiln::api
