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

}  // namespace kiln::api
