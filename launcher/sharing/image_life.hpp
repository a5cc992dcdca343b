#pragma once

#include <optional>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/image.hpp"

namespace kiln {
class Database;
}

namespace kiln::launcher {

/// What becomes of an image of the caller's between its making and its end. All of these throw
/// Error{InvalidAMIID.NotFound}, and Error{AuthFailure} for another account's image.

/// Nobody finds or launches it any more until it is enabled again, and nobody has the permission
/// to, then. Throws Error{InvalidAMIID.Unavailable} when it is not available.
void disable_image(Database& database, const images::Caller& caller, const ImageId& id);
/// Throws Error{InvalidAMIID.Unavailable} when it is neither disabled nor available.
void enable_image(Database& database, const images::Caller& caller, const ImageId& id);

/// From then on others find it only when they ask for it; nullopt: never. To the minute. Throws
/// Error{InvalidParameterValue} for a time that has been or is more than 10 years away.
void deprecate_image(Database& database, const images::Caller& caller, const ImageId& id,
                     std::optional<Time> at, Time now);

/// It cannot be deregistered from now on; with a cooldown, not for 24 hours after that has ended,
/// either.
images::Image protect_image(Database& database, const images::Caller& caller, const ImageId& id,
                            bool with_cooldown, Time now);
images::Image unprotect_image(Database& database, const images::Caller& caller, const ImageId& id,
                              Time now);

}  // namespace kiln::launcher
