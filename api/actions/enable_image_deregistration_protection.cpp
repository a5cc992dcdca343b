#include "api/services.hpp"
#include "api/shapes/image_action.hpp"
#include "launcher/sharing/image_life.hpp"

namespace kiln::api {

Action enable_image_deregistration_protection() {
    return protection_action(
        {.name = "EnableImageDeregistrationProtection",
         .summary = "Keep an image from being deregistered",
         .example = "kiln enable-image-deregistration-protection --image-id ami-0123456789abcdef0 "
                    "--with-cooldown",
         .parameters = {{.name = "WithCooldown",
                         .wire = "WithCooldown",
                         .shape = Shape::boolean,
                         .help = "And for 24 hours after the protection has ended"}}},
        [](Services& services, const images::Caller& caller, const ImageId& id,
           const Arguments& arguments) {
            return launcher::protect_image(services.database, caller, id,
                                           arguments.boolean("WithCooldown").value_or(false),
                                           services.clock.now());
        });
}

}  // namespace kiln::api
