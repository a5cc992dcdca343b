#include "api/action.hpp"
#include "base/ids.hpp"
#include "builder/builder.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.builder.cancel_image_build(caller, ImageId(arguments.required_text("ImageId")));
    return {};
}

}  // namespace

Action cancel_image_build() {
    return with_handler<Done>(
        {.name = "CancelImageBuild",
         .summary = "Cancel a build; nothing of it is left behind",
         .example = "kiln cancel-image-build --image-id ami-0123456789abcdef0",
         .parameters = {{.name = "ImageId",
                         .wire = "ImageId",
                         .required = true,
                         .help = "The image that is being built"},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
