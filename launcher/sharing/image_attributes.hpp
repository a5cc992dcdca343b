#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/accounts/caller.hpp"

namespace kiln::launcher {

/// Whom something is shared with, by what the request calls them.
struct Grantees {
    std::vector<std::string> accounts;
    std::vector<std::string> groups;  // "all" alone
    std::vector<std::string> organizations;
    std::vector<std::string> units;  // ARNs, as those of organizations

    std::vector<std::string> all() const;
    bool empty() const {
        return accounts.empty() && groups.empty() && organizations.empty() && units.empty();
    }
};

struct ModifyImageAttributeRequest {
    ImageId image;
    Grantees add;  // to the launch permission
    Grantees remove;
    std::optional<std::string> description;
    std::optional<std::string> imds_support;  // "v2.0", for good
    std::vector<std::string> product_codes;   // to attach, for good
};

/// Whether images of the account can be made public in the region; those that are stay it.
inline constexpr const char* block_new_sharing = "block-new-sharing";
inline constexpr const char* unblocked = "unblocked";
bool is_public_access_blocked(Session& session, const images::Scope& scope);
/// `state` is one of the two above.
void set_public_access(Database& database, const images::Caller& caller, const char* state);

/// All of it or nothing. Throws Error{InvalidAMIID.NotFound}, Error{AuthFailure} for another
/// account's image, Error{MissingParameter} when there is nothing to change,
/// Error{InvalidParameterValue} for another support of the metadata service,
/// Error{InvalidAMIAttributeItemValue} for a grantee that there is not, and
/// Error{OperationNotPermitted} to share an encrypted image, whose key is its owner's, to make one
/// public that has product codes, and to give codes to one that is public. Of product codes
/// Error{InvalidProductCode.NotFound}, and Error{AuthFailure} when another account sells the
/// product.
void modify_image_attribute(Database& database, const images::Caller& caller,
                            const ModifyImageAttributeRequest& request);

/// Nobody but the owner may launch the image any more. Errors as of modify_image_attribute.
void reset_launch_permission(Database& database, const images::Caller& caller,
                             const ImageId& image);

/// The caller, whose account alone was given the permission, gives it back. Throws
/// Error{InvalidAMIID.NotFound}, and Error{OperationNotPermitted} to the owner and to those who may
/// launch the image for other reasons.
void cancel_image_launch_permission(Database& database, const images::Caller& caller,
                                    const ImageId& image);

}  // namespace kiln::launcher
