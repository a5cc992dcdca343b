#include "api/action.hpp"
#include "api/shapes/account.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::vector<UnitView> units;
};

Structure<Result> output() {
    return Structure<Result>().list(
        "OrganizationalUnits", "organizationalUnitSet", unit_structure(),
        [](const Result& r) -> const auto& { return r.units; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Result result{.units = services.database.read(load_unit_views)};
    if (const auto parent = arguments.text("ParentId"))
        std::erase_if(result.units, [&](const UnitView& view) { return view.parent != *parent; });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action list_organizational_units() {
    return with_handler<Result>(
        {.name = "ListOrganizationalUnits",
         .summary = "List the units of the organization",
         .example = "kiln list-organizational-units",
         .parameters = {{.name = "ParentId",
                         .wire = "ParentId",
                         .help = "Only those right below this unit, or below the root"},
                        dry_run_parameter()},
         .table = {.rows = "OrganizationalUnits", .columns = {"Id", "Name", "ParentId", "Arn"}}},
        output(), handle);
}

}  // namespace kiln::api
