#pragma once

#include <string>
#include <vector>

#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

/// Whom an image or a snapshot is shared with, besides its owner, who needs no permission: ids of
/// accounts, ARNs of organizations and organizational units, and `everybody`.

/// The grantee that stands for every account.
inline constexpr const char* everybody = "all";

/// Sorted.
std::vector<std::string> grantees_of(Session& session, const ImageId& id);
std::vector<std::string> grantees_of(Session& session, const SnapshotId& id);
/// Again is no error.
void grant(Session& session, const ImageId& id, const std::string& grantee);
void grant(Session& session, const SnapshotId& id, const std::string& grantee);
/// Nothing to revoke is no error.
void revoke(Session& session, const ImageId& id, const std::string& grantee);
void revoke(Session& session, const SnapshotId& id, const std::string& grantee);

void revoke_all(Session& session, const ImageId& id);
void revoke_all(Session& session, const SnapshotId& id);

/// Whether one of the grantees is the account, everybody, or an ARN that the account may be meant
/// by, and the owner's account is not closed. Looks grantees up by their key, however many there
/// are.
bool is_shared_with(Session& session, const ImageId& id, const AccountId& account);
bool is_shared_with(Session& session, const SnapshotId& id, const AccountId& account);
/// As above, but for everybody.
bool is_shared_explicitly_with(Session& session, const ImageId& id, const AccountId& account);
bool has_grantee(Session& session, const ImageId& id, const std::string& grantee);
bool has_grantee(Session& session, const SnapshotId& id, const std::string& grantee);

}  // namespace kiln::images
