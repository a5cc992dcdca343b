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
    /// Ids of accounts; "aws-marketplace": images with a product code; "none": no other's image.
    std::vector<std::string> providers;
    std::vector<std::string> product_codes;
    std::vector<std::string> names;  // '*' and '?' are wildcards
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
/// Throws Error{InvalidParameterValue} for what cannot be met: a provider that is none of the
/// above, "none" beside another, a product code of other than 1 to 25 letters and digits, a number
/// of days below nothing; for a criterion without a condition; for more than 10 criteria, 200
/// providers, 50 product codes or 50 names.
void replace_image_criteria(Session& session, const Scope& scope,
                            const std::vector<ImageCriterion>& criteria);

/// Whether the image, which has these product codes, meets a criterion or is the account's own,
/// whatever the state.
bool meets_criteria(const AllowedImages& allowed, const Scope& scope, const Image& image,
                    const std::vector<std::string>& product_codes, Time now);
/// Throws Error{AuthFailure} when the account may not use the image by these settings.
void check_allowed(Session& session, const Scope& scope, const Image& image, Time now);

}  // namespace kiln::images
