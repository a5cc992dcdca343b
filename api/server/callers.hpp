#pragma once

#include <optional>
#include <string>

#include "api/server/server.hpp"
#include "base/users.hpp"
#include "images/accounts/caller.hpp"

namespace kiln {
class Clock;
class Database;
}  // namespace kiln

namespace kiln::api {

/// Tells who makes a request: whose account it is, and whether an administrator's. Any thread.
class Callers {
  public:
    Callers(Database& database, const Clock& clock, std::string home_region,
            std::optional<UserRange> guest_users)
        : database_(database),
          clock_(clock),
          home_region_(std::move(home_region)),
          guest_users_(guest_users) {}

    /// A user of this host who is seen for the first time gets an account. Throws
    /// Error{AuthFailure} for the users that QEMU runs as, whose guest has broken out, for those
    /// without a name whom nobody has mapped, and when the account is closed, and, when the claim
    /// is to act as another account, Error{UnauthorizedOperation} for those who are no
    /// administrators and Error{AccountNotFoundException}.
    images::Caller identify(const CallerClaim& claim) const;
    /// The user's own account, whatever is claimed and whether it is closed; nullopt for those
    /// who have none.
    std::optional<images::Caller> own_account(const CallerClaim& claim) const;

  private:
    bool is_guest(const CallerClaim& claim) const;
    std::optional<AccountId> account_of(uid_t user, bool administrator) const;

    Database& database_;
    const Clock& clock_;
    std::string home_region_;
    std::optional<UserRange> guest_users_;
};

}  // namespace kiln::api
