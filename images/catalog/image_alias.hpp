#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// A name that stands for an image in the requests of one account in one region: "golden:latest",
/// or the id of an AMI that is not in this catalog.

inline constexpr const char* default_alias_tag = "latest";
/// Of an account in a region.
inline constexpr std::int64_t max_image_aliases = 1'000;

struct ImageAlias {
    AccountId owner;
    std::string region;
    std::string name;  // with its tag
    ImageId image;
    Time updated;
};

/// "golden" is "golden:latest"; nullopt for what no alias can be named: a name has 1 to 128 of
/// a-z, 0-9, . _ - / and begins with a letter or digit, a tag 1 to 128 of letters, digits, . _ -
/// and does not begin with . or -. What looks like the id of a resource is no name.
std::optional<std::string> alias_name(std::string_view text);
/// As above, but an AMI id stands for itself. Throws Error{InvalidParameterValue} with the rule.
std::string checked_alias_name(const std::string& text);
/// An AMI id, which may be one of somewhere else.
bool is_image_id(std::string_view text);

/// The id of the image for which the text stands: an alias, or an AMI id of somewhere else where
/// `foreign_ids` may be aliases. Every other text is returned as it is: ids, and what is no alias
/// of any name. Throws Error{InvalidAMIID.NotFound} for an alias with a tag that there is not,
/// Error{InvalidAMIID.Malformed} for one without, and Error{InvalidAMIID.Unavailable} when its
/// image was deregistered.
std::string resolve_image_alias(Session& session, const Scope& scope, const std::string& text,
                                bool foreign_ids);
/// By its whole name.
std::optional<ImageAlias> find_image_alias(Session& session, const Scope& scope,
                                           const std::string& name);
/// Makes the alias or moves it; returns for which image it stood. Throws
/// Error{ResourceLimitExceeded} for one too many.
std::optional<ImageId> set_image_alias(Session& session, const ImageAlias& alias);
/// Whether there was one.
bool delete_image_alias(Session& session, const Scope& scope, const std::string& name);
/// By name.
std::vector<ImageAlias> list_image_aliases(Session& session, const Scope& scope);
/// Those of the account for the image, in whatever region, by name.
std::vector<std::string> aliases_of(Session& session, const AccountId& owner, const ImageId& image);

}  // namespace kiln::images
