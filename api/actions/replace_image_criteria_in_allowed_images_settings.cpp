#include "api/shapes/image_settings.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.database.write([&](Session& session) {
        images::replace_image_criteria(session, caller.scope(), image_criteria_of(arguments));
        caller.stop_if_dry_run();
    });
    return {};
}

}  // namespace

Action replace_image_criteria_in_allowed_images_settings() {
    return with_handler<Done>(
        {.name = "ReplaceImageCriteriaInAllowedImagesSettings",
         .summary = "Say which images of others may be found and launched",
         .example = "kiln replace-image-criteria-in-allowed-images-settings --image-criteria "
                    "ImageProviders=123456789012",
         .parameters = {image_criteria_parameter(), dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
