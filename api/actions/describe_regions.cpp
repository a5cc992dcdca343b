#include <fmt/format.h>

#include <vector>

#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/region.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using images::Region;

struct Result {
    std::vector<Region> regions;
};

Structure<Result> output() {
    return Structure<Result>().list(
        "Regions", "regionInfo", region_structure(),
        [](const Result& r) -> const auto& { return r.regions; });
}

const FilterTable<Region>& filters() {
    using Values = std::vector<std::string>;
    static const FilterTable<Region> table(
        {{"region-name", [](const Region& r) { return Values{r.name}; }},
         {"endpoint", [](const Region& r) { return Values{endpoint_of(r)}; }},
         {"opt-in-status", [](const Region&) { return Values{"opt-in-not-required"}; }}});
    return table;
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result{.regions = services.database.read(images::list_regions)};
    keep_ids<Region, std::string>(
        result.regions, arguments.texts("RegionName"),
        [](const Region& r) -> const std::string& { return r.name; },
        [](const std::string& name) {
            return Error(
                error_code::invalid_parameter_value, name,
                fmt::format("Invalid region: [{}]. `kiln describe-regions` lists them.", name));
        });
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
         .table = {.rows = "Regions", .columns = {"RegionName", "Zones", "Pool", "LibvirtUri"}}},
        output(), handle);
}

}  // namespace kiln::api
