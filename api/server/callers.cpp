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

bool Callers::is_guest(const CallerClaim& claim) const {
    return guest_users_ && claim.uid != ::geteuid() && contains(*guest_users_, claim.uid);
}

/// Numbers without a name, of the ranges that users have for containers, get no account.
std::optional<AccountId> Callers::account_of(uid_t user, bool administrator) const {
    auto known = database_.read(
        [&](Session& session) { return images::find_account_of_uid(session, user); });
    if (known || (!administrator && !primary_group_of(user))) return known;
    return images::account_of_uid(database_, user, clock_.now());
}

std::optional<images::Caller> Callers::own_account(const CallerClaim& claim) const {
    if (is_guest(claim)) return std::nullopt;
    const bool administrator = claim.uid == 0 || claim.uid == ::geteuid();
    const auto account = account_of(claim.uid, administrator);
    if (!account) return std::nullopt;
    return images::Caller{.account = *account,
                          .region = claim.region.empty() ? home_region_ : claim.region,
                          .administrator = administrator,
                          .uid = claim.uid,
                          .own_account = account};
}

images::Caller Callers::identify(const CallerClaim& claim) const {
    auto caller = own_account(claim);
    if (!caller) {
        throw Error(
            "AuthFailure", fmt::format("{}", claim.uid),
            fmt::format("The user {0} has no account and {1}; an administrator can map a "
                        "user: kiln map-users --account-id ID --uids {0}",
                        claim.uid, is_guest(claim) ? "is one that QEMU runs as" : "no name here"));
    }
    if (!claim.account.empty()) caller->require_administrator();
    database_.read([&](Session& session) {
        const images::Account account = claim.account.empty()
                                            ? images::get_account(session, caller->account)
                                            : account_named(session, claim.account);
        refuse_closed(account);
        if (account.id != caller->account) caller->administrator = false;
        caller->account = account.id;
    });
    return *caller;
}

}  // namespace kiln::api
