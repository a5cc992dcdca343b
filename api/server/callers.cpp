#include "api/server/callers.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "images/accounts/account.hpp"

namespace kiln::api {

namespace {

images::Account account_named(Session& session, const std::string& id_or_alias) {
    auto account = images::find_account_named(session, id_or_alias);
    if (account) return *std::move(account);
    throw Error("AccountNotFoundException", id_or_alias,
                fmt::format("There is no account with the id or alias '{}': kiln list-accounts "
                            "shows those there are",
                            id_or_alias));
}

void refuse_closed(const images::Account& account) {
    if (account.state == images::AccountState::active) return;
    throw Error("AuthFailure", account.id.str(),
                fmt::format("The account {} ({}) is closed; an administrator can open it again: "
                            "kiln reopen-account",
                            account.id.str(), account.name));
}

}  // namespace

images::Caller Callers::identify(const CallerClaim& claim) const {
    images::Caller caller{.account = images::account_of_uid(database_, claim.uid, clock_.now()),
                          .region = claim.region.empty() ? home_region_ : claim.region,
                          .administrator = claim.uid == 0 || claim.uid == ::geteuid(),
                          .uid = claim.uid};
    caller.own_account = caller.account;
    if (!claim.account.empty()) caller.require_administrator();
    database_.read([&](Session& session) {
        const images::Account account = claim.account.empty()
                                            ? images::get_account(session, caller.account)
                                            : account_named(session, claim.account);
        refuse_closed(account);
        if (account.id != caller.account) caller.administrator = false;
        caller.account = account.id;
    });
    return caller;
}

}  // namespace kiln::api
