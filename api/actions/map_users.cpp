#include "api/action.hpp"
#include "api/shapes/account.hpp"

namespace kiln::api {

Action map_users() {
    Parameter uids = uids_parameter("The users, by their numbers");
    uids.required = true;
    return account_action(
        {.name = "MapUsers",
         .summary =
             "Let users of this host have an account; what belongs to the one they had stays there",
         .example = "kiln map-users --account-id 123456789012 --uids 1001 1002",
         .parameters = {uids}},
        [](Services& services, Session& session, const AccountId& id, const Arguments& arguments) {
            for (const uid_t uid : uids_of(arguments, services.settings))
                images::map_user(session, uid, id);
        });
}

}  // namespace kiln::api
