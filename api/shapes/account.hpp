#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/action.hpp"
#include "api/output/structure.hpp"
#include "api/protocol/parameter.hpp"
#include "base/database.hpp"
#include "images/accounts/account.hpp"
#include "images/accounts/organization.hpp"

namespace kiln::api {

/// An account with its users and its place in the organization.
struct AccountView {
    images::Account account;
    std::vector<uid_t> users;
    std::string parent;  // a unit's id or the root's; empty without an organization
};
/// As ListAccounts of AWS Organizations has it, and its Uids.
const Structure<AccountView>& account_structure();
/// Throws Error{AccountNotFoundException}.
AccountView load_account_view(Session& session, const AccountId& id);
std::vector<AccountView> load_account_views(Session& session);

/// A unit with the ARN that images are shared with.
struct UnitView {
    images::OrganizationalUnit unit;
    std::string arn;
    std::string parent;
};
const Structure<UnitView>& unit_structure();
std::vector<UnitView> load_unit_views(Session& session);

/// How the CLI shows one account.
Table account_table();

/// Whom an action is about comes first, DryRun last.
void add_target(Action& action, const char* name, const char* help);

/// Completes an administrator's action on one account: takes AccountId and DryRun besides what it
/// declares, does `change` in one transaction, then `afterwards`, and answers with what `load`
/// finds.
template <class View>
Action action_on_account(
    Action action, const Structure<View>& output,
    std::function<void(Services&, Session&, const AccountId&, const Arguments&)> change,
    std::function<View(Services&, Session&, const AccountId&)> load,
    std::function<void(Services&)> afterwards = nullptr) {
    add_target(action, "AccountId", "The account");
    return with_handler<View>(
        std::move(action), output,
        [change = std::move(change), load = std::move(load), afterwards = std::move(afterwards)](
            Services& services, const images::Caller& caller, const Arguments& arguments) {
            caller.require_administrator();
            const AccountId id(arguments.required_text("AccountId"));
            View view = services.database.write([&](Session& session) {
                change(services, session, id, arguments);
                caller.stop_if_dry_run();
                return load(services, session, id);
            });
            if (afterwards) afterwards(services);
            return view;
        });
}
/// One that answers with what the account is.
Action account_action(
    Action action,
    std::function<void(Services&, Session&, const AccountId&, const Arguments&)> change,
    std::function<void(Services&)> afterwards = nullptr);
/// The same for OrganizationalUnitId; it answers with nothing.
Action unit_action(Action action,
                   std::function<void(Session&, const std::string& unit, const Arguments&)> change);

/// The users that a request names. Throws Error{InvalidParameterValue} for what is no uid, and for
/// those that QEMU runs as.
std::vector<uid_t> uids_of(const Arguments& arguments, const Settings& settings);
Parameter uids_parameter(const char* help);

}  // namespace kiln::api
