#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/region.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::api {

namespace {

images::Region handle(Services& services, const images::Caller& caller,
                      const Arguments& arguments) {
    return services.regions.create(caller,
                                   {.name = arguments.required_text("Name"),
                                    .pool = arguments.text("Pool").value_or(""),
                                    .libvirt_uri = arguments.text("LibvirtUri").value_or(""),
                                    .zones = arguments.texts("Zone")});
}

}  // namespace

Action create_region() {
    return with_handler<images::Region>(
        {.name = "CreateRegion",
         .summary = "Make a region: a place of its own for images, volumes and instances",
         .example = "kiln create-region --name local-2 --pool /srv/kiln-2",
         .parameters = {{.name = "Name",
                         .wire = "Name",
                         .required = true,
                         .help = "Its name: lower-case letters, digits and hyphens"},
                        {.name = "Pool",
                         .wire = "Pool",
                         .help =
                             "The directory of its disks, made when it is missing; default: one "
                             "below the service's state directory"},
                        {.name = "LibvirtUri",
                         .wire = "LibvirtUri",
                         .help = "The libvirt that runs its guests; default: the service's"},
                        {.name = "Zone",
                         .wire = "Zone",
                         .list = true,
                         .help = "Its availability zones; default: its name with an a"},
                        dry_run_parameter()},
         .table = {.columns = {"RegionName", "Zones", "Pool", "LibvirtUri"}}},
        region_structure(), handle);
}

}  // namespace kiln::api
