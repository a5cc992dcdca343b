#include "api/server/callers.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

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

bool has_name(uid_t user) {
    std::vector<char> text(4096);
    passwd entry{};
    passwd* found = nullptr;
    while (::getpwuid_r(user, &entry, text.data(), text.size(), &found) == ERANGE)
        text.resize(text.size() * 2);
    return found != nullptr;
}

}  // namespace

bool Callers::is_guest(const CallerClaim& claim) const {
    return guest_users_ && claim.uid != ::geteuid() && contains(*guest_users_, claim.uid);
}

/// One with a name; ranges of numbers that belong to a user, for containers, have none.
bool Callers::may_have_account(uid_t user) const {
    return user == 0 || user == ::geteuid() || has_name(user) ||
           database_.read([&](Session& session) {
               return images::find_account_of_uid(session, user).has_value();
           });
}

std::optional<images::Caller> Callers::own_account(const CallerClaim& claim) const {
    if (is_guest(claim) || !may_have_account(claim.uid)) return std::nullopt;
    images::Caller caller{.account = images::account_of_uid(database_, claim.uid, clock_.now()),
                          .region = claim.region.empty() ? home_region_ : claim.region,
                          .administrator = claim.uid == 0 || claim.uid == ::geteuid(),
                          .uid = claim.uid};
    caller.own_account = caller.account;
    return caller;
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
