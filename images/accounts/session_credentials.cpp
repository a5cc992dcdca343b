#include "images/accounts/session_credentials.hpp"

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/secret_box.hpp"
#include "images/accounts/key_material.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t longest_token = 4096;

std::string label_of(const std::string& access_key_id) {
    return "session of " + access_key_id;
}

}  // namespace

SessionCredentials new_session_credentials(const SecretBox& box, const AccountId& account,
                                           const std::string& parent_key_id, Time expires) {
    SessionCredentials made{.access_key_id = new_key_id(session_key_prefix),
                            .secret = new_secret(),
                            .expires = expires};
    const nlohmann::json claim{{"account", account.str()},
                               {"secret", made.secret},
                               {"parent", parent_key_id},
                               {"expires", to_epoch_ms(expires)}};
    made.token = box.seal(claim.dump(), label_of(made.access_key_id));
    return made;
}

std::optional<SessionClaim> open_session_token(const SecretBox& box,
                                               const std::string& access_key_id,
                                               const std::string& token) {
    if (token.size() > longest_token) return std::nullopt;
    try {
        const auto claim = nlohmann::json::parse(box.open(token, label_of(access_key_id)));
        return SessionClaim{.account = AccountId(claim.at("account").get<std::string>()),
                            .secret = claim.at("secret"),
                            .parent_key_id = claim.at("parent"),
                            .expires = from_epoch_ms(claim.at("expires"))};
    } catch (const Error&) {
        return std::nullopt;  // it was not sealed here
    }
}

}  // namespace kiln::images
