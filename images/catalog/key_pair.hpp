#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

struct KeyPair {
    KeyPairId id;
    AccountId owner;
    std::string region;
    std::string name;
    std::string type;  // "rsa", "ed25519"
    std::string fingerprint;
    std::string public_key;  // OpenSSH form: "ssh-rsa AAAA… name"
    Time created;
};

/// Throws Error{InvalidKeyPair.Duplicate}: "The keypair 'k' already exists."
void insert_key_pair(Session& session, const KeyPair& key_pair);
/// Throws Error{InvalidKeyPair.NotFound}: "The key pair 'k' does not exist".
KeyPair get_key_pair(Session& session, const Scope& scope, const std::string& name);
std::optional<KeyPair> find_key_pair(Session& session, const Scope& scope, const std::string& name);
std::vector<KeyPair> list_key_pairs(Session& session, const Scope& scope);
void delete_key_pair(Session& session, const KeyPairId& id);

}  // namespace kiln::images
