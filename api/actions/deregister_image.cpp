#include "api/action.hpp"
#include "base/ids.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.deregister_image(
        caller, ImageId(arguments.required_text("ImageId")),
        arguments.boolean("DeleteAssociatedSnapshots").value_or(false));
    return {};
}

}  // namespace

Action deregister_image() {
    return with_handler<Done>(
        {.name = "DeregisterImage",
         .summary = "End an image; its instances go on",
         .example = "kiln deregister-image --image-id ami-0123456789abcdef0",
         .parameters = {image_id_parameter("The image"),
                        {.name = "DeleteAssociatedSnapshots",
                         .wire = "DeleteAssociatedSnapshots",
                         .shape = Shape::boolean,
                         .help = "Also delete its snapshots that no other image uses"},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
