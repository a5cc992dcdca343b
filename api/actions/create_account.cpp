#include "api/action.hpp"
#include "api/shapes/account.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

AccountView handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    caller.require_administrator();
    images::Account account{.id = AccountId::generate(),
                            .name = arguments.required_text("AccountName"),
                            .alias = arguments.text("Alias"),
                            .created = services.clock.now()};
    images::check_account_name(account.name);
    if (account.alias) images::check_account_alias(*account.alias);
    const std::vector<uid_t> users = uids_of(arguments, services.settings);
    return services.database.write([&](Session& session) {
        images::insert_account(session, account);
        for (const uid_t uid : users)
            images::map_user(session, uid, account.id);
        caller.stop_if_dry_run();
        return load_account_view(session, account.id);
    });
}

}  // namespace

Action create_account() {
    return with_handler<AccountView>(
        {.name = "CreateAccount",
         .summary = "Make an account, for users of this host or for none yet",
         .example = "kiln create-account --account-name lab --uids 1001",
         .parameters =
             {{.name = "AccountName", .wire = "AccountName", .required = true, .help = "Its name"},
              {.name = "Alias",
               .wire = "Alias",
               .help = "A second name, which no other account has"},
              uids_parameter("Users whose account it is from now on, by their numbers"),
              dry_run_parameter()},
         .table = account_table()},
        account_structure(), handle);
}

}  // namespace kiln::api
