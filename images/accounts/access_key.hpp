#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln {
class SecretBox;
}

namespace kiln::images {

/// With an access key requests are signed in the name of an account.
struct AccessKey {
    std::string id;  // "AKIA…", 20 characters
    AccountId account;
    std::string sealed_secret;  // by the service's SecretBox, under the key's id
    AccessKeyState state = AccessKeyState::active;
    Time created;
};

/// A key whose secret is told this once.
struct NewAccessKey {
    AccessKey key;
    std::string secret;  // 40 characters
};

/// Throws Error{LimitExceeded} when the account has two keys already.
NewAccessKey create_access_key(Session& session, const SecretBox& box, const AccountId& account,
                               Time now);
/// Of any account. nullopt when there is none of that id.
std::optional<AccessKey> find_access_key(Session& session, const std::string& id);
/// Oldest first.
std::vector<AccessKey> list_access_keys(Session& session, const AccountId& account);
/// Throws Error{NoSuchEntity} when the account has no such key.
void set_access_key_state(Session& session, const AccountId& account, const std::string& id,
                          AccessKeyState state);
void delete_access_key(Session& session, const AccountId& account, const std::string& id);

}  // namespace kiln::images
