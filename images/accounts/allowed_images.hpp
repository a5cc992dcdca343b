#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// An image meets a criterion when it meets each condition that the criterion has.
struct ImageCriterion {
    std::vector<std::string> providers;  // ids of accounts
    std::vector<std::string> names;      // '*' and '?' are wildcards
    std::optional<int> most_days_since_created = {};
    std::optional<int> most_days_since_deprecated = {};  // one that is not deprecated meets it
};

enum class AllowedImagesState { disabled, audit_mode, enabled };
std::string_view to_text(AllowedImagesState state);

/// Which images of others an account lets its users find and launch in a region.
struct AllowedImages {
    AllowedImagesState state = AllowedImagesState::disabled;
    std::vector<ImageCriterion> criteria;  // any of them
};

AllowedImages load_allowed_images(Session& session, const Scope& scope);
void set_allowed_images_state(Session& session, const Scope& scope, AllowedImagesState state);
/// Throws Error{InvalidParameterValue} for what cannot be met: a provider that is no account id, a
/// number of days below nothing; for a criterion without a condition; and for more than 10.
void replace_image_criteria(Session& session, const Scope& scope,
                            const std::vector<ImageCriterion>& criteria);

/// Whether the image meets a criterion or is the account's own, whatever the state.
bool meets_criteria(const AllowedImages& allowed, const Scope& scope, const Image& image, Time now);
/// Throws Error{AuthFailure} when the account may not use the image by these settings.
void check_allowed(Session& session, const Scope& scope, const Image& image, Time now);

}  // namespace kiln::images
