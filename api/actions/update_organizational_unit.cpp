#include "api/action.hpp"
#include "api/shapes/account.hpp"

namespace kiln::api {

Action update_organizational_unit() {
    return unit_action(
        {.name = "UpdateOrganizationalUnit",
         .summary = "Give a unit of the organization another name",
         .example = "kiln update-organizational-unit --organizational-unit-id ou-1a2b-3c4d5e6f "
                    "--name school",
         .parameters = {{.name = "Name", .wire = "Name", .required = true, .help = "Its name"}}},
        [](Session& session, const std::string& id, const Arguments& arguments) {
            images::rename_unit(session, id, arguments.required_text("Name"));
        });
}

}  // namespace kiln::api
