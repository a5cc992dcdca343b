#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "images/accounts/caller.hpp"
#include "images/layers/layer_key.hpp"

namespace kiln {
class Database;
}

namespace kiln::launcher {

struct Region;

/// What a request says of encryption.
struct EncryptionRequest {
    std::optional<bool> encrypted;
    std::string kms_key_id;  // empty: the account's own key
};

/// Throws Error{InvalidParameterDependency} for a key without encryption, and
/// Error{InvalidParameterValue} for another key than the account's own of the caller's region,
/// which is named alias/aws/ebs, as EC2's, or by its id; each may stand in an ARN. Asks the
/// catalog.
void check_encryption(Database& database, const images::Caller& caller,
                      const EncryptionRequest& request);

/// The id of the account's key of the region in which it calls; the first call makes it, and has
/// libvirt keep it, and so does one after libvirt has lost it, when nothing is encrypted with it.
/// nullopt when there is none and the caller only wanted to know. Asks the catalog
/// and libvirt: not within a transaction. Throws as layer_key().
std::optional<std::string> account_key(Database& database, const Region& region,
                                       const images::Caller& caller, Time now);

/// The account's key in a transaction that needs it. Throws Error{Unavailable} when there is none,
/// since what the request names was not to be had yet when the key was looked for: nothing is made
/// in clear instead. A dry run goes on without.
std::optional<std::string> needed_key(const std::optional<std::string>& own_key,
                                      const images::Caller& caller);

/// The key with its passphrase, which libvirt is asked for; nullopt for what is in clear. Throws
/// Error{InternalError} when libvirt does not have it.
std::optional<images::LayerKey> layer_key(const Region& region,
                                          const std::optional<std::string>& key_id);

/// Removes all keys of a region in which nothing is left: libvirt's secrets. The log tells of those
/// that stay.
void remove_keys(const Region& region, const std::vector<std::string>& key_ids);

}  // namespace kiln::launcher
