#include "api/shapes/region.hpp"

namespace kiln::api {

std::string endpoint_of(const images::Region& region) {
    return "ec2." + region.name + ".kiln.invalid";
}

const Structure<images::Region>& region_structure() {
    using images::Region;
    static const auto structure =
        Structure<Region>()
            .text("RegionName", "regionName", [](const Region& r) { return r.name; })
            .text("Endpoint", "regionEndpoint", endpoint_of)
            .text("OptInStatus", "optInStatus", [](const Region&) { return "opt-in-not-required"; })
            .text_list(
                "Zones", "zoneSet", [](const Region& r) -> const auto& { return r.zones; })
            .text("Pool", "pool", [](const Region& r) { return r.pool; })
            .text("LibvirtUri", "libvirtUri", [](const Region& r) { return r.libvirt_uri; });
    return structure;
}

Parameter source_region_parameter() {
    return {.name = "SourceRegion",
            .wire = "SourceRegion",
            .required = true,
            .help = "The region to copy from"};
}

}  // namespace kiln::api
