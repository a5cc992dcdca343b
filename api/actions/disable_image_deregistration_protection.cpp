#include "api/services.hpp"
#include "api/shapes/image_action.hpp"
#include "base/clock.hpp"
#include "launcher/sharing/image_life.hpp"

namespace kiln::api {

Action disable_image_deregistration_protection() {
    return protection_action(
        {.name = "DisableImageDeregistrationProtection",
         .summary = "Let an image be deregistered again",
         .example =
             "kiln disable-image-deregistration-protection --image-id ami-0123456789abcdef0"},
        [](Services& services, const images::Caller& caller, const ImageId& id, const Arguments&) {
            return launcher::unprotect_image(services.database, caller, id, services.clock.now());
        });
}

}  // namespace kiln::api
