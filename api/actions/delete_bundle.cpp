#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.launcher.delete_bundle(caller, arguments.required_text("ImageLocation"));
    return {};
}

}  // namespace

Action delete_bundle() {
    return with_handler<Done>(
        {.name = "DeleteBundle",
         .summary = "Remove a bundle that no image has from its bucket",
         .example = "kiln delete-bundle --image-location images/web.manifest.xml",
         .parameters = {{.name = "ImageLocation",
                         .wire = "ImageLocation",
                         .required = true,
                         .help = "BUCKET/PREFIX.manifest.xml"},
                        dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
