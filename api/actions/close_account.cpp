#include "api/action.hpp"
#include "api/shapes/account.hpp"
#include "base/clock.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

Action close_account() {
    return account_action(
        {.name = "CloseAccount",
         .summary = "Close an account: it may do nothing any more; its instances are stopped",
         .example = "kiln close-account --account-id 123456789012"},
        [](Services& services, Session& session, const AccountId& id, const Arguments&) {
            images::close_account(session, id, services.clock.now());
        },
        [](Services& services) { services.launcher.stop_instances_of_closed_accounts(); });
}

}  // namespace kiln::api
