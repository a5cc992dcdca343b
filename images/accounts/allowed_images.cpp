#include "images/accounts/allowed_images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/catalog/account_setting.hpp"

namespace kiln::images {

namespace {

constexpr const char* state_setting = "allowed-images-state";
constexpr const char* criteria_setting = "allowed-images-criteria";
constexpr std::size_t most_criteria = 10;

AllowedImagesState parse_state(std::string_view text) {
    for (const auto state : {AllowedImagesState::audit_mode, AllowedImagesState::enabled}) {
        if (to_text(state) == text) return state;
    }
    return AllowedImagesState::disabled;
}

nlohmann::json to_json(const std::optional<int>& number) {
    return number ? nlohmann::json(*number) : nlohmann::json();
}

std::optional<int> number_of(const nlohmann::json& json) {
    return json.is_null() ? std::nullopt : std::optional<int>(json.get<int>());
}

nlohmann::json to_json(const ImageCriterion& criterion) {
    return {{"providers", criterion.providers},
            {"names", criterion.names},
            {"created", to_json(criterion.most_days_since_created)},
            {"deprecated", to_json(criterion.most_days_since_deprecated)}};
}

ImageCriterion criterion_of(const nlohmann::json& json) {
    return {.providers = json.at("providers"),
            .names = json.at("names"),
            .most_days_since_created = number_of(json.at("created")),
            .most_days_since_deprecated = number_of(json.at("deprecated"))};
}

[[noreturn]] void refuse(const std::string& value, const char* why) {
    throw Error(error_code::invalid_parameter_value, value,
                fmt::format("Invalid value '{}' for ImageCriterion: {}", value, why));
}

void check(const ImageCriterion& criterion) {
    for (const std::string& provider : criterion.providers) {
        if (!AccountId::is_valid(provider)) refuse(provider, "expecting the id of an account");
    }
    const auto& created = criterion.most_days_since_created;
    const auto& deprecated = criterion.most_days_since_deprecated;
    for (const auto& days : {created, deprecated}) {
        if (days && *days < 0) refuse(std::to_string(*days), "expecting 0 days or more");
    }
    if (criterion.providers.empty() && criterion.names.empty() && !created && !deprecated)
        refuse("", "it must have at least one condition");
}

bool is_within(const std::optional<int>& days, Time since, Time now) {
    return !days || now - since <= std::chrono::days(*days);
}

bool meets(const ImageCriterion& criterion, const Image& image, Time now) {
    const auto has_name = [&](const std::string& pattern) {
        return matches_wildcard(image.name, pattern);
    };
    const auto is_provider = [&](const std::string& id) { return image.owner.str() == id; };
    return (criterion.providers.empty() || std::ranges::any_of(criterion.providers, is_provider)) &&
           (criterion.names.empty() || std::ranges::any_of(criterion.names, has_name)) &&
           is_within(criterion.most_days_since_created, image.created, now) &&
           (!image.deprecated ||
            is_within(criterion.most_days_since_deprecated, *image.deprecated, now));
}

}  // namespace

std::string_view to_text(AllowedImagesState state) {
    switch (state) {
        case AllowedImagesState::disabled:
            return "disabled";
        case AllowedImagesState::audit_mode:
            return "audit-mode";
        case AllowedImagesState::enabled:
            return "enabled";
    }
    std::abort();
}

AllowedImages load_allowed_images(Session& session, const Scope& scope) {
    AllowedImages allowed{
        .state = parse_state(find_setting(session, scope, state_setting).value_or(""))};
    const auto criteria = find_setting(session, scope, criteria_setting);
    for (const nlohmann::json& json : nlohmann::json::parse(criteria.value_or("[]")))
        allowed.criteria.push_back(criterion_of(json));
    return allowed;
}

void set_allowed_images_state(Session& session, const Scope& scope, AllowedImagesState state) {
    set_setting(session, scope, state_setting, std::string(to_text(state)));
}

void replace_image_criteria(Session& session, const Scope& scope,
                            const std::vector<ImageCriterion>& criteria) {
    if (criteria.size() > most_criteria)
        refuse(std::to_string(criteria.size()), "there can be at most 10 criteria");
    nlohmann::json json = nlohmann::json::array();
    for (const ImageCriterion& criterion : criteria) {
        check(criterion);
        json.push_back(to_json(criterion));
    }
    set_setting(session, scope, criteria_setting, json.dump());
}

bool meets_criteria(const AllowedImages& allowed, const Scope& scope, const Image& image,
                    Time now) {
    return image.owner == scope.owner ||
           std::ranges::any_of(allowed.criteria, [&](const ImageCriterion& criterion) {
               return meets(criterion, image, now);
           });
}

void check_allowed(Session& session, const Scope& scope, const Image& image, Time now) {
    if (image.owner == scope.owner) return;
    const AllowedImages allowed = load_allowed_images(session, scope);
    if (allowed.state != AllowedImagesState::enabled) return;
    if (meets_criteria(allowed, scope, image, now)) return;
    throw Error("AuthFailure", image.id.str(),
                fmt::format("Not authorized for images: [{}]: the allowed images settings of your "
                            "account do not let it in",
                            image.id.str()));
}

}  // namespace kiln::images
