#pragma once

#include <string>

#include "api/server/server.hpp"
#include "images/accounts/caller.hpp"

namespace kiln {
class Clock;
class Database;
}  // namespace kiln

namespace kiln::api {

/// Tells who makes a request: whose account it is, and whether an administrator's. Any thread.
class Callers {
  public:
    Callers(Database& database, const Clock& clock, std::string home_region)
        : database_(database), clock_(clock), home_region_(std::move(home_region)) {}

    /// A user who is seen for the first time gets an account. Throws Error{AuthFailure} when the
    /// account is closed, and, when the claim is to act as another account,
    /// Error{UnauthorizedOperation} for those who are no administrators and
    /// Error{AccountNotFoundException}.
    images::Caller identify(const CallerClaim& claim) const;

  private:
    Database& database_;
    const Clock& clock_;
    std::string home_region_;
};

}  // namespace kiln::api
