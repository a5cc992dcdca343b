#include "api/action.hpp"
#include "api/shapes/account.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

void set_alias(Session& session, const AccountId& id, const std::string& alias) {
    if (alias.empty()) {
        images::set_account_alias(session, id, std::nullopt);
        return;
    }
    images::check_account_alias(alias);
    images::set_account_alias(session, id, alias);
}

void rename(Services& /*services*/, Session& session, const AccountId& id,
            const Arguments& arguments) {
    const auto name = arguments.text("AccountName");
    const auto alias = arguments.text_or_empty("Alias");
    if (!name && !alias) {
        throw Error(error_code::missing_parameter, "AccountName",
                    "The request must contain AccountName or Alias");
    }
    if (name) {
        images::check_account_name(*name);
        images::rename_account(session, id, *name);
    }
    if (alias) set_alias(session, id, *alias);
}

}  // namespace

Action rename_account() {
    return account_action(
        {.name = "RenameAccount",
         .summary = "Give an account another name or alias",
         .example = "kiln rename-account --account-id 123456789012 --account-name workshop",
         .parameters = {{.name = "AccountName", .wire = "AccountName", .help = "Its name"},
                        {.name = "Alias",
                         .wire = "Alias",
                         .help = "A second name, which no other account has; '' takes it away"}}},
        rename);
}

}  // namespace kiln::api
