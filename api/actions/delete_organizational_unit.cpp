#include "api/action.hpp"
#include "api/shapes/account.hpp"

namespace kiln::api {

Action delete_organizational_unit() {
    return unit_action(
        {.name = "DeleteOrganizationalUnit",
         .summary = "Delete a unit of the organization that nothing is in",
         .example = "kiln delete-organizational-unit --organizational-unit-id ou-1a2b-3c4d5e6f"},
        [](Session& session, const std::string& id, const Arguments&) {
            images::delete_unit(session, id);
        });
}

}  // namespace kiln::api
