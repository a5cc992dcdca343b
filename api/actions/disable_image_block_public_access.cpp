#include "api/services.hpp"
#include "api/shapes/image_settings.hpp"
#include "launcher/sharing/image_attributes.hpp"

namespace kiln::api {

Action disable_image_block_public_access() {
    return public_access_action({.name = "DisableImageBlockPublicAccess",
                                 .summary = "Let your images become public again",
                                 .example = "kiln disable-image-block-public-access"},
                                [](Services& services, const images::Caller& caller) {
                                    launcher::set_public_access(services.database, caller,
                                                                launcher::unblocked);
                                });
}

}  // namespace kiln::api
