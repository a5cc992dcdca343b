#include "api/services.hpp"
#include "api/shapes/image_action.hpp"
#include "launcher/sharing/image_life.hpp"

namespace kiln::api {

Action disable_image_deprecation() {
    return image_action(
        {.name = "DisableImageDeprecation",
         .summary = "Take back that an image is deprecated",
         .example = "kiln disable-image-deprecation --image-id ami-0123456789abcdef0"},
        [](Services& services, const images::Caller& caller, const ImageId& id, const Arguments&) {
            launcher::deprecate_image(services.database, caller, id, std::nullopt,
                                      services.clock.now());
        });
}

}  // namespace kiln::api
