#include <fmt/format.h>

#include "api/action.hpp"
#include "base/database.hpp"
#include "images/accounts/account.hpp"

namespace kiln::api {

namespace {

struct Result {
    images::Account account;
    bool administrator;
};

Structure<Result> output() {
    return Structure<Result>()
        .text("Account", "account", [](const Result& r) { return r.account.id.str(); })
        .text("UserId", "userId", [](const Result& r) { return r.account.id.str(); })
        .text(
            "Arn", "arn",
            [](const Result& r) { return fmt::format("arn:aws:iam::{}:root", r.account.id.str()); })
        .text("Name", "name", [](const Result& r) { return r.account.name; })
        .boolean("Administrator", "administrator", [](const Result& r) { return r.administrator; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& /*arguments*/) {
    Result result = services.database.read([&](Session& session) {
        return Result{.account = images::get_account(session, caller.account),
                      .administrator = caller.administrator};
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action get_caller_identity() {
    return with_handler<Result>(
        {.name = "GetCallerIdentity",
         .summary = "Show whose account you act as, and whether you are an administrator",
         .example = "kiln get-caller-identity",
         .parameters = {dry_run_parameter()},
         .table = {.columns = {"Account", "Name", "Administrator", "Arn"}},
         .service = &sts_service},
        output(), handle);
}

}  // namespace kiln::api
