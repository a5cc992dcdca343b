#include "api/services.hpp"
#include "api/shapes/image_settings.hpp"
#include "launcher/sharing/image_attributes.hpp"

namespace kiln::api {

Action enable_image_block_public_access() {
    return public_access_action({.name = "EnableImageBlockPublicAccess",
                                 .summary = "Let none of your images become public from now on",
                                 .example = "kiln enable-image-block-public-access "
                                            "--image-block-public-access-state block-new-sharing",
                                 .parameters = {{.name = "ImageBlockPublicAccessState",
                                                 .wire = "ImageBlockPublicAccessState",
                                                 .required = true,
                                                 .help = "What to block",
                                                 .choices = {launcher::block_new_sharing}}}},
                                [](Services& services, const images::Caller& caller) {
                                    launcher::set_public_access(services.database, caller,
                                                                launcher::block_new_sharing);
                                });
}

}  // namespace kiln::api
