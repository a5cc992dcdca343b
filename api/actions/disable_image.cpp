#include "api/services.hpp"
#include "api/shapes/image_action.hpp"
#include "launcher/sharing/image_life.hpp"

namespace kiln::api {

Action disable_image() {
    return image_action(
        {.name = "DisableImage",
         .summary = "Let nobody find or launch an image until it is enabled; nobody else may "
                    "launch it then",
         .example = "kiln disable-image --image-id ami-0123456789abcdef0"},
        [](Services& services, const images::Caller& caller, const ImageId& id, const Arguments&) {
            launcher::disable_image(services.database, caller, id);
        });
}

}  // namespace kiln::api
