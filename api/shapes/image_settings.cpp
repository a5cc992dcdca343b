#include "api/shapes/image_settings.hpp"

#include "base/database.hpp"
#include "launcher/sharing/image_attributes.hpp"

namespace kiln::api {

namespace {

using images::ImageCriterion;

struct PublicAccess {
    std::string state;
};

Structure<PublicAccess> public_access_structure() {
    return Structure<PublicAccess>()
        .text("ImageBlockPublicAccessState", "imageBlockPublicAccessState",
              [](const PublicAccess& r) { return r.state; })
        .text("ManagedBy", "managedBy", [](const PublicAccess&) { return std::string("account"); });
}

struct AllowedState {
    images::AllowedImagesState state;
};

Structure<AllowedState> allowed_state_structure() {
    return Structure<AllowedState>().text(
        "AllowedImagesSettingsState", "allowedImagesSettingsState",
        [](const AllowedState& r) { return std::string(to_text(r.state)); });
}

/// {"Maximum…": days} where there is such a condition.
Structure<int> days_structure(const char* name, const char* wire) {
    return Structure<int>().integer(name, wire, [](int days) { return std::int64_t{days}; });
}

std::optional<int> days_of(const Arguments& criterion, const char* condition, const char* days) {
    const auto number = criterion.structure(condition).integer(days);
    if (!number) return std::nullopt;
    constexpr std::int64_t most_days = 36'500;
    return static_cast<int>(std::clamp<std::int64_t>(*number, -1, most_days));
}

Parameter days_parameter(const char* condition, const char* days, const char* help) {
    return {
        .name = condition,
        .wire = condition,
        .shape = Shape::structure,
        .help = help,
        .members = {
            {.name = days, .wire = days, .shape = Shape::integer, .help = "The number of days"}}};
}

}  // namespace

Action public_access_action(Action action,
                            std::function<void(Services&, const images::Caller&)> change) {
    action.parameters.push_back(dry_run_parameter());
    action.table = {.columns = {"ImageBlockPublicAccessState"}};
    return with_handler<PublicAccess>(
        std::move(action), public_access_structure(),
        [change = std::move(change)](Services& services, const images::Caller& caller,
                                     const Arguments&) {
            change(services, caller);
            return services.database.read([&](Session& session) {
                const bool blocked = launcher::is_public_access_blocked(session, caller.scope());
                return PublicAccess{blocked ? launcher::block_new_sharing : launcher::unblocked};
            });
        });
}

Action allowed_images_action(Action action,
                             std::function<images::AllowedImagesState(const Arguments&)> state) {
    action.parameters.push_back(dry_run_parameter());
    action.table = {.columns = {"AllowedImagesSettingsState"}};
    return with_handler<AllowedState>(
        std::move(action), allowed_state_structure(),
        [state = std::move(state)](Services& services, const images::Caller& caller,
                                   const Arguments& arguments) {
            const AllowedState wanted{state(arguments)};
            services.database.write([&](Session& session) {
                images::set_allowed_images_state(session, caller.scope(), wanted.state);
                caller.stop_if_dry_run();
            });
            return wanted;
        });
}

const Structure<ImageCriterion>& image_criterion_structure() {
    using Criterion = ImageCriterion;
    static const auto structure =
        Structure<Criterion>()
            .text_list("ImageProviders", "imageProviderSet",
                       [](const Criterion& c) { return c.providers; })
            .text_list("MarketplaceProductCodes", "marketplaceProductCodeSet",
                       [](const Criterion& c) { return c.product_codes; })
            .text_list("ImageNames", "imageNameSet", [](const Criterion& c) { return c.names; })
            .structure("CreationDateCondition", "creationDateCondition",
                       days_structure("MaximumDaysSinceCreated", "maximumDaysSinceCreated"),
                       [](const Criterion& c) { return c.most_days_since_created; })
            .structure("DeprecationTimeCondition", "deprecationTimeCondition",
                       days_structure("MaximumDaysSinceDeprecated", "maximumDaysSinceDeprecated"),
                       [](const Criterion& c) { return c.most_days_since_deprecated; });
    return structure;
}

Parameter image_criteria_parameter() {
    return {
        .name = "ImageCriteria",
        .wire = "ImageCriterion",
        .shape = Shape::structure,
        .list = true,
        .help =
            "What an image of another account has to meet: any of these; none: none of "
            "them is allowed",
        .members = {
            {.name = "ImageProviders",
             .wire = "ImageProvider",
             .list = true,
             .help = "The accounts that own it, by their ids; aws-marketplace: "
                     "anybody's that has a product code; none: nobody but your own account"},
            {.name = "MarketplaceProductCodes",
             .wire = "MarketplaceProductCode",
             .list = true,
             .help = "Its product codes"},
            {.name = "ImageNames",
             .wire = "ImageName",
             .list = true,
             .help = "Its names; * and ? are wildcards"},
            days_parameter("CreationDateCondition", "MaximumDaysSinceCreated", "How old it may be"),
            days_parameter("DeprecationTimeCondition", "MaximumDaysSinceDeprecated",
                           "For how long it may have been deprecated")}};
}

std::vector<ImageCriterion> image_criteria_of(const Arguments& arguments) {
    std::vector<ImageCriterion> criteria;
    for (const Arguments& one : arguments.structures("ImageCriterion")) {
        criteria.push_back({.providers = one.texts("ImageProvider"),
                            .product_codes = one.texts("MarketplaceProductCode"),
                            .names = one.texts("ImageName"),
                            .most_days_since_created =
                                days_of(one, "CreationDateCondition", "MaximumDaysSinceCreated"),
                            .most_days_since_deprecated = days_of(one, "DeprecationTimeCondition",
                                                                  "MaximumDaysSinceDeprecated")});
    }
    return criteria;
}

}  // namespace kiln::api
