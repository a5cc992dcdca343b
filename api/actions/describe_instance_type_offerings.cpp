#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "launcher/launcher.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::api {

namespace {

using Values = std::vector<std::string>;

constexpr const char* by_region = "region";
constexpr const char* by_zone = "availability-zone";

struct Offering {
    std::string instance_type;
    std::string location_type;
    std::string location;
};
using Result = Page<Offering>;

Structure<Result> output() {
    const auto item =
        Structure<Offering>()
            .text("InstanceType", "instanceType", [](const Offering& o) { return o.instance_type; })
            .text("LocationType", "locationType", [](const Offering& o) { return o.location_type; })
            .text("Location", "location", [](const Offering& o) { return o.location; });
    return Structure<Result>()
        .list(
            "InstanceTypeOfferings", "instanceTypeOfferingSet", item,
            [](const Result& r) -> const auto& { return r.items; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<Offering>& filters() {
    static const FilterTable<Offering> table(
        {{"instance-type", [](const Offering& o) { return Values{o.instance_type}; }},
         {"location", [](const Offering& o) { return Values{o.location}; }}});
    return table;
}

/// What the host can run is to be had everywhere.
Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const std::string location_type = arguments.text("LocationType").value_or(by_region);
    const Values locations = location_type == by_region ? Values{caller.region}
                                                        : services.regions.get(caller.region).zones;
    std::vector<Offering> offerings;
    const std::vector<launcher::InstanceType> offered = services.launcher.offered_types(caller);
    for (const std::string& location : locations) {
        for (const launcher::InstanceType& type : offered) {
            offerings.push_back(
                {.instance_type = type.name, .location_type = location_type, .location = location});
        }
    }
    filters().apply(filters_of(arguments), offerings);
    caller.stop_if_dry_run();
    return page_of<Offering>(arguments, std::move(offerings),
                             [](const Offering& o) { return o.location + " " + o.instance_type; });
}

}  // namespace

Action describe_instance_type_offerings() {
    return with_handler<Result>(
        {.name = "DescribeInstanceTypeOfferings",
         .summary = "Show which instance types are to be had in the region or its zones",
         .example = "kiln describe-instance-type-offerings --location-type availability-zone",
         .parameters = {{.name = "LocationType",
                         .wire = "LocationType",
                         .help = "Where: in the region (the default), or zone by zone",
                         .choices = {by_region, by_zone}},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "InstanceTypeOfferings",
                   .columns = {"InstanceType", "LocationType", "Location"}}},
        output(), handle);
}

}  // namespace kiln::api
