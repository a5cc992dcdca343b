#include "api/services.hpp"
#include "api/shapes/image_action.hpp"
#include "launcher/sharing/image_life.hpp"

namespace kiln::api {

Action enable_image() {
    return image_action(
        {.name = "EnableImage",
         .summary = "Let an image that was disabled be launched again",
         .example = "kiln enable-image --image-id ami-0123456789abcdef0"},
        [](Services& services, const images::Caller& caller, const ImageId& id, const Arguments&) {
            launcher::enable_image(services.database, caller, id);
        });
}

}  // namespace kiln::api
