#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.delete_stored_image(caller, {.bucket = arguments.required_text("Bucket"),
                                                   .key = arguments.required_text("ObjectKey")});
    return {};
}

}  // namespace

Action delete_stored_image() {
    return with_handler<Done>(
        {.name = "DeleteStoredImage",
         .summary = "Remove an image that was stored from its bucket; images restored of it stay",
         .example = "kiln delete-stored-image --bucket images --object-key "
                    "ami-0123456789abcdef0.bin",
         .parameters =
             {{.name = "Bucket", .wire = "Bucket", .required = true, .help = "Your bucket"},
              {.name = "ObjectKey",
               .wire = "ObjectKey",
               .required = true,
               .help = "The object's key"},
              dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
