#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// The key that an account's volumes and snapshots in a region are encrypted with. Its passphrase
/// is not here: the region's libvirt keeps it.
struct EncryptionKey {
    std::string id;  // a UUID, that of libvirt's secret
    AccountId owner;
    std::string region;
    Time created;
};

void insert_encryption_key(Session& session, const EncryptionKey& key);
std::optional<EncryptionKey> find_encryption_key(Session& session, const Scope& scope);
std::vector<EncryptionKey> encryption_keys_of_region(Session& session, const std::string& region);
/// Whether something is encrypted with it.
bool is_used(Session& session, const EncryptionKey& key);
/// Throws Error{InternalError} while something is encrypted with it.
void delete_encryption_key(Session& session, const std::string& id);

}  // namespace kiln::images
