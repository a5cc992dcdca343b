#include "api/action.hpp"
#include "api/shapes/account.hpp"

namespace kiln::api {

Action reopen_account() {
    return account_action({.name = "ReopenAccount",
                           .summary = "Open a closed account again",
                           .example = "kiln reopen-account --account-id 123456789012"},
                          [](Services&, Session& session, const AccountId& id, const Arguments&) {
                              images::reopen_account(session, id);
                          });
}

}  // namespace kiln::api
