#pragma once

#include <optional>
#include <string>

#include "api/action.hpp"
#include "images/accounts/access_key.hpp"

namespace kiln::api {

/// A key as CreateAccessKey tells it, with its secret, or ListAccessKeys, without.
struct AccessKeyView {
    images::AccessKey key;
    std::optional<std::string> secret = {};
};
const Structure<AccessKeyView>& access_key_structure();

/// "AccessKeyId", required.
Parameter access_key_id_parameter();

/// Throws Error{AccessDenied} for requests that are signed with session credentials: what ends in
/// an hour makes nothing that lasts.
void require_lasting_credentials(const images::Caller& caller);

}  // namespace kiln::api
