#include <fmt/format.h>

#include "api/action.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/accounts/account.hpp"

namespace kiln::api {

namespace {

using images::Account;

Structure<Account> output() {
    const auto user =
        Structure<Account>()
            .text("Path", "path", [](const Account&) { return "/"; })
            .text("UserName", "userName", [](const Account& a) { return a.name; })
            .text("UserId", "userId", [](const Account& a) { return a.id.str(); })
            .text("Arn", "arn",
                  [](const Account& a) { return fmt::format("arn:aws:iam::{}:root", a.id.str()); })
            .text("CreateDate", "createDate",
                  [](const Account& a) { return format_time(a.created); });
    return Structure<Account>().structure("User", "user", user, [](const Account& a) { return a; });
}

/// Accounts have one user each: themselves.
Account handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    Account account = services.database.read(
        [&](Session& session) { return images::get_account(session, caller.account); });
    const auto name = arguments.text("UserName");
    if (name && *name != account.name) {
        throw Error("NoSuchEntity", *name,
                    fmt::format("The user with name {} cannot be found.", *name));
    }
    return account;
}

}  // namespace

Action get_user() {
    return with_handler<Account>(
        {.name = "GetUser",
         .summary = "Show the account that signs",
         .example = "kiln get-user",
         .parameters = {{.name = "UserName", .wire = "UserName", .help = "The account's name"},
                        dry_run_parameter()},
         .table = {.rows = "User", .columns = {"UserName", "UserId", "Arn"}},
         .service = &iam_service,
         .hidden = true},
        output(), handle);
}

}  // namespace kiln::api
