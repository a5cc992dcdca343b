#include "api/shapes/image_settings.hpp"

namespace kiln::api {

Action disable_allowed_images_settings() {
    return allowed_images_action(
        {.name = "DisableAllowedImagesSettings",
         .summary = "Let all images of others be found and launched that are shared with you",
         .example = "kiln disable-allowed-images-settings"},
        [](const Arguments&) { return images::AllowedImagesState::disabled; });
}

}  // namespace kiln::api
