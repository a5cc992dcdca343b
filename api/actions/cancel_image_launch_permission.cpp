#include "api/services.hpp"
#include "api/shapes/image_action.hpp"
#include "launcher/sharing/image_attributes.hpp"

namespace kiln::api {

Action cancel_image_launch_permission() {
    return image_action(
        {.name = "CancelImageLaunchPermission",
         .summary = "Give back the permission to launch an image that another account gave yours",
         .example = "kiln cancel-image-launch-permission --image-id ami-0123456789abcdef0"},
        [](Services& services, const images::Caller& caller, const ImageId& id, const Arguments&) {
            launcher::cancel_image_launch_permission(services.database, caller, id);
        });
}

}  // namespace kiln::api
