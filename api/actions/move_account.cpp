#include "api/action.hpp"
#include "api/shapes/account.hpp"

namespace kiln::api {

Action move_account() {
    return account_action(
        {.name = "MoveAccount",
         .summary = "Move an account into an organizational unit, or into the root",
         .example = "kiln move-account --account-id 123456789012 --destination-parent-id "
                    "ou-1a2b-3c4d5e6f",
         .parameters = {{.name = "DestinationParentId",
                         .wire = "DestinationParentId",
                         .required = true,
                         .help = "The unit, or the root by its id"}}},
        [](Services&, Session& session, const AccountId& id, const Arguments& arguments) {
            images::move_account(session, id, arguments.required_text("DestinationParentId"));
        });
}

}  // namespace kiln::api
