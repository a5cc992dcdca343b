#include "api/shapes/image_settings.hpp"

namespace kiln::api {

Action enable_allowed_images_settings() {
    using images::AllowedImagesState;
    return allowed_images_action(
        {.name = "EnableAllowedImagesSettings",
         .summary = "Let only those images of others be found and launched that meet your criteria",
         .example = "kiln enable-allowed-images-settings --allowed-images-settings-state enabled",
         .parameters = {{.name = "AllowedImagesSettingsState",
                         .wire = "AllowedImagesSettingsState",
                         .required = true,
                         .help = "audit-mode only shows which images would be allowed",
                         .choices = {"enabled", "audit-mode"}}}},
        [](const Arguments& arguments) {
            return arguments.required_text("AllowedImagesSettingsState") == "enabled"
                       ? AllowedImagesState::enabled
                       : AllowedImagesState::audit_mode;
        });
}

}  // namespace kiln::api
