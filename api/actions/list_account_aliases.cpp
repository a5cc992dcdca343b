#include "api/action.hpp"
#include "base/database.hpp"
#include "images/accounts/account.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::string alias;
};

Structure<Result> output() {
    return Structure<Result>()
        .text_list("AccountAliases", "accountAliases",
                   [](const Result& r) { return std::vector<std::string>{r.alias}; })
        .boolean("IsTruncated", "isTruncated", [](const Result&) { return false; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& /*arguments*/) {
    return services.database.read([&](Session& session) {
        return Result{.alias = images::get_account(session, caller.account).name};
    });
}

}  // namespace

Action list_account_aliases() {
    return with_handler<Result>(
        {.name = "ListAccountAliases",
         .summary = "Show the name of the account that signs",
         .example = "kiln list-account-aliases",
         .parameters = {{.name = "Marker", .wire = "Marker", .help = "Makes no difference"},
                        {.name = "MaxItems",
                         .wire = "MaxItems",
                         .shape = Shape::integer,
                         .help = "Makes no difference"},
                        dry_run_parameter()},
         .table = {.columns = {"AccountAliases"}},
         .service = &iam_service,
         .hidden = true},
        output(), handle);
}

}  // namespace kiln::api
