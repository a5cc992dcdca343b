#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "base/settings.hpp"

namespace kiln::api {

namespace {

struct Region {
    std::string name;
};

struct Result {
    std::vector<Region> regions;
};

std::string endpoint_of(const Region& region) {
    return "ec2." + region.name + ".kiln.invalid";
}

Structure<Result> output() {
    const auto region =
        Structure<Region>()
            .text("RegionName", "regionName", [](const Region& r) { return r.name; })
            .text("Endpoint", "regionEndpoint", endpoint_of)
            .text("OptInStatus", "optInStatus",
                  [](const Region&) { return "opt-in-not-required"; });
    return Structure<Result>().list(
        "Regions", "regionInfo", region, [](const Result& r) -> const auto& { return r.regions; });
}

const FilterTable<Region>& filters() {
    using Values = std::vector<std::string>;
    static const FilterTable<Region> table(
        {{"region-name", [](const Region& r) { return Values{r.name}; }},
         {"endpoint", [](const Region& r) { return Values{endpoint_of(r)}; }},
         {"opt-in-status", [](const Region&) { return Values{"opt-in-not-required"}; }}});
    return table;
}

void check_names(const std::vector<std::string>& names, const std::string& region) {
    for (const std::string& name : names) {
        if (name == region) continue;
        throw Error(error_code::invalid_parameter_value, name,
                    fmt::format("Invalid region: [{}]. This kiln's region is {}.", name, region));
    }
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result{.regions = {{.name = services.settings.region}}};
    check_names(arguments.texts("RegionName"), services.settings.region);
    filters().apply(filters_of(arguments), result.regions);
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_regions() {
    return with_handler<Result>(
        {.name = "DescribeRegions",
         .summary = "List the regions of this kiln",
         .example = "kiln describe-regions",
         .parameters = {{.name = "RegionNames",
                         .wire = "RegionName",
                         .list = true,
                         .help = "Names of the regions to show"},
                        {.name = "AllRegions",
                         .wire = "AllRegions",
                         .shape = Shape::boolean,
                         .help = "Also regions that are not enabled; here all are"},
                        filters_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "Regions", .columns = {"RegionName", "Endpoint"}}},
        output(), handle);
}

}  // namespace kiln::api
