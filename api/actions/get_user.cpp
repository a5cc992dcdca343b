#include <fmt/format.h>

#include "api/action.hpp"
#include "api/shapes/access_key.hpp"
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

Account handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    return services.database.read(
        [&](Session& session) { return user_of(session, caller, arguments); });
}

}  // namespace

Action get_user() {
    return with_handler<Account>(
        {.name = "GetUser",
         .summary = "Show the account that signs",
         .example = "kiln get-user",
         .parameters = {user_name_parameter(), dry_run_parameter()},
         .table = {.rows = "User", .columns = {"UserName", "UserId", "Arn"}},
         .service = &iam_service,
         .hidden = true},
        output(), handle);
}

}  // namespace kiln::api
