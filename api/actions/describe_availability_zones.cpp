#include <fmt/format.h>

#include <vector>

#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/shapes/common.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::api {

namespace {

struct Zone {
    std::string name;
    std::string region;
};

struct Result {
    std::vector<Zone> zones;
};

Structure<Result> output() {
    const auto zone =
        Structure<Zone>()
            .text("ZoneName", "zoneName", [](const Zone& z) { return z.name; })
            .text("ZoneId", "zoneId", [](const Zone& z) { return z.name; })
            .text("ZoneType", "zoneType", [](const Zone&) { return "availability-zone"; })
            .text("State", "zoneState", [](const Zone&) { return "available"; })
            .text("RegionName", "regionName", [](const Zone& z) { return z.region; })
            .text("OptInStatus", "optInStatus", [](const Zone&) { return "opt-in-not-required"; });
    return Structure<Result>().list(
        "AvailabilityZones", "availabilityZoneInfo", zone,
        [](const Result& r) -> const auto& { return r.zones; });
}

const FilterTable<Zone>& filters() {
    using Values = std::vector<std::string>;
    static const FilterTable<Zone> table(
        {{"zone-name", [](const Zone& z) { return Values{z.name}; }},
         {"zone-id", [](const Zone& z) { return Values{z.name}; }},
         {"state", [](const Zone&) { return Values{"available"}; }},
         {"region-name", [](const Zone& z) { return Values{z.region}; }}});
    return table;
}

/// A zone's id is its name here.
void keep_zones(const std::vector<std::string>& wanted, std::vector<Zone>& zones) {
    keep_ids<Zone, std::string>(
        zones, wanted, [](const Zone& z) -> const std::string& { return z.name; },
        [](const std::string& name) {
            return Error(error_code::invalid_parameter_value, name,
                         fmt::format("Invalid availability zone: [{}]", name));
        });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result;
    for (const std::string& name : services.regions.get(caller.region).zones)
        result.zones.push_back({.name = name, .region = caller.region});
    keep_zones(arguments.texts("ZoneName"), result.zones);
    keep_zones(arguments.texts("ZoneId"), result.zones);
    filters().apply(filters_of(arguments), result.zones);
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_availability_zones() {
    return with_handler<Result>(
        {.name = "DescribeAvailabilityZones",
         .summary = "List the availability zones of the region",
         .example = "kiln describe-availability-zones",
         .parameters = {{.name = "ZoneNames",
                         .wire = "ZoneName",
                         .list = true,
                         .help = "Names of the zones to show"},
                        {.name = "ZoneIds",
                         .wire = "ZoneId",
                         .list = true,
                         .help = "Ids of the zones to show"},
                        {.name = "AllAvailabilityZones",
                         .wire = "AllAvailabilityZones",
                         .shape = Shape::boolean,
                         .help = "Also zones that are not enabled; here all are"},
                        filters_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "AvailabilityZones", .columns = {"ZoneName", "State", "RegionName"}}},
        output(), handle);
}

}  // namespace kiln::api
