#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::api {

namespace {

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    services.regions.remove(caller, arguments.required_text("Name"));
    return {};
}

}  // namespace

Action delete_region() {
    return with_handler<Done>(
        {.name = "DeleteRegion",
         .summary = "Delete a region that holds nothing any more",
         .example = "kiln delete-region --name local-2",
         .parameters =
             {{.name = "Name", .wire = "Name", .required = true, .help = "The region's name"},
              dry_run_parameter()}},
        done_structure(), handle);
}

}  // namespace kiln::api
