#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

/// The account of a Unix user; made with a new id when the user is seen for the first time.
AccountId account_of_uid(Database& database, uid_t uid, Time now);

/// The Unix users of this host that have accounts.
std::map<AccountId, uid_t> users_of_accounts(Session& session);

/// A UUID that tells this catalog from every other, made once: domains carry it, so that two
/// services on one libvirt leave each other's guests alone.
std::string catalog_identity(Database& database);

}  // namespace kiln::images
