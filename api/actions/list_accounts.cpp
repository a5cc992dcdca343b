#include "api/action.hpp"
#include "api/shapes/account.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::vector<AccountView> accounts;
};

Structure<Result> output() {
    return Structure<Result>().list(
        "Accounts", "accountSet", account_structure(),
        [](const Result& r) -> const auto& { return r.accounts; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& /*arguments*/) {
    Result result = services.database.read([&](Session& session) {
        if (caller.administrator) return Result{.accounts = load_account_views(session)};
        return Result{.accounts = {load_account_view(session, caller.account)}};
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action list_accounts() {
    Table table = account_table();
    table.rows = "Accounts";
    return with_handler<Result>(
        {.name = "ListAccounts",
         .summary = "List the accounts; who is no administrator sees the own",
         .example = "kiln list-accounts",
         .parameters = {dry_run_parameter()},
         .table = table},
        output(), handle);
}

}  // namespace kiln::api
