#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

/// Whom the bucket of the object store belongs to: the account that first wrote into it.
std::optional<AccountId> owner_of_bucket(Session& session, const std::string& bucket);

/// Before the account writes into the bucket: it becomes its owner when nobody is. Throws
/// Error{BucketAlreadyExists} when it is another account's, Error{InvalidBucketName}.
void claim_bucket(Session& session, const AccountId& account, const std::string& bucket, Time now);

/// Before the account reads from the bucket. Throws Error{AccessDenied} when it is another
/// account's and Error{NoSuchBucket} when it is nobody's.
void check_own_bucket(Session& session, const AccountId& account, const std::string& bucket);

}  // namespace kiln::images
