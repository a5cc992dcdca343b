#include "api/action.hpp"
#include "api/shapes/account.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

UnitView handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    caller.require_administrator();
    const std::string name = arguments.required_text("Name");
    return services.database.write([&](Session& session) {
        const auto organization = images::get_organization(session);
        const std::string parent = arguments.text("ParentId").value_or(organization.root);
        UnitView view{.unit = images::create_unit(session, parent, name, services.clock.now()),
                      .parent = parent};
        view.arn = images::unit_arn(organization, view.unit.id);
        caller.stop_if_dry_run();
        return view;
    });
}

}  // namespace

Action create_organizational_unit() {
    return with_handler<UnitView>(
        {.name = "CreateOrganizationalUnit",
         .summary = "Make a unit of the organization, to move accounts into",
         .example = "kiln create-organizational-unit --name lab",
         .parameters = {{.name = "Name", .wire = "Name", .required = true, .help = "Its name"},
                        {.name = "ParentId",
                         .wire = "ParentId",
                         .help = "The unit that it is in; default: the root"},
                        dry_run_parameter()},
         .table = {.columns = {"Id", "Name", "ParentId", "Arn"}}},
        unit_structure(), handle);
}

}  // namespace kiln::api
