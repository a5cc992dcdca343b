#pragma once

#include <sys/types.h>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/settings.hpp"
#include "images/accounts/caller.hpp"

namespace kiln::api {

/// The caller behind a uid of this machine: its account, and an administrator when it is root or
/// the service's own user.
images::Caller caller_of_uid(Database& database, const Settings& settings, const Clock& clock,
                             uid_t uid);

}  // namespace kiln::api
