#pragma once

#include <optional>
#include <string>

#include "api/action.hpp"
#include "base/database.hpp"
#include "images/accounts/access_key.hpp"
#include "images/accounts/account.hpp"

namespace kiln::api {

/// A key as CreateAccessKey tells it, with its secret, or ListAccessKeys, without.
struct AccessKeyView {
    images::AccessKey key;
    std::string user_name;  // the account's
    std::optional<std::string> secret = {};
};
const Structure<AccessKeyView>& access_key_structure();

/// "AccessKeyId", required.
Parameter access_key_id_parameter();

/// "UserName", the account's name: accounts have one user each, themselves.
Parameter user_name_parameter();
/// The caller's, which UserName must be where it is said: throws Error{NoSuchEntity}.
images::Account user_of(Session& session, const images::Caller& caller, const Arguments& arguments);

/// Throws Error{AccessDenied} for requests that are signed with session credentials: what ends in
/// an hour makes nothing that lasts.
void require_lasting_credentials(const images::Caller& caller);

}  // namespace kiln::api
