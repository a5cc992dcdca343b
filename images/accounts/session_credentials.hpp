#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/ids.hpp"

namespace kiln {
class SecretBox;
}

namespace kiln::images {

inline constexpr const char* session_key_prefix = "ASIA";

/// A key for a while. Nothing of it is stored: the token holds all, sealed, and goes with every
/// request that is signed with the secret.
struct SessionCredentials {
    std::string access_key_id;  // "ASIA…"
    std::string secret;
    std::string token;
    Time expires;
};

/// What a token says.
struct SessionClaim {
    AccountId account;
    std::string secret;
    std::string parent_key_id;  // the key that it was asked for with
    Time expires;
};

/// Of the account, and only as good as the key that they were asked for with.
SessionCredentials new_session_credentials(const SecretBox& box, const AccountId& account,
                                           const std::string& parent_key_id, Time expires);
/// nullopt for a token that was not made here, or for another key.
std::optional<SessionClaim> open_session_token(const SecretBox& box,
                                               const std::string& access_key_id,
                                               const std::string& token);

}  // namespace kiln::images
