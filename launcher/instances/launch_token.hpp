#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/accounts/caller.hpp"
#include "launcher/instances/requests.hpp"

namespace kiln::launcher {

/// A launch that is asked for again with the same ClientToken is not done again.

/// Everything that makes two requests with one client token the same request.
std::string launch_digest(const RunInstancesRequest& request);
/// What was launched with the token. Throws Error{IdempotentParameterMismatch} when the request was
/// another, and Error{IdempotentInstanceTerminated} when all of it is terminated.
std::optional<Reservation> earlier_reservation(Session& session, const images::Caller& caller,
                                               const std::string& token, const std::string& digest);
/// A request without a token is not remembered.
void remember_reservation(Session& session, const images::Caller& caller,
                          const RunInstancesRequest& request, const std::string& digest,
                          const ReservationId& id, Time now);

}  // namespace kiln::launcher
