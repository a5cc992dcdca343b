#include "images/accounts/allowed_images.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "images/catalog/account_setting.hpp"
#include "images/market/product_code.hpp"

namespace kiln::images {

namespace {

constexpr const char* state_setting = "allowed-images-state";
constexpr const char* criteria_setting = "allowed-images-criteria";
constexpr const char* no_provider = "none";
constexpr const char* marketplace = "aws-marketplace";
constexpr std::size_t most_criteria = 10;
constexpr std::size_t most_providers = 200;
constexpr std::size_t most_product_codes = 50;
constexpr std::size_t most_names = 50;
constexpr std::size_t longest_product_code = 25;

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
            {"product-codes", criterion.product_codes},
            {"names", criterion.names},
            {"created", to_json(criterion.most_days_since_created)},
            {"deprecated", to_json(criterion.most_days_since_deprecated)}};
}

ImageCriterion criterion_of(const nlohmann::json& json) {
    return {.providers = json.at("providers"),
            .product_codes = json.value("product-codes", std::vector<std::string>()),
            .names = json.at("names"),
            .most_days_since_created = number_of(json.at("created")),
            .most_days_since_deprecated = number_of(json.at("deprecated"))};
}

[[noreturn]] void refuse(const std::string& value, std::string_view why) {
    throw Error(error_code::invalid_parameter_value, value,
                fmt::format("Invalid value '{}' for ImageCriterion: {}", value, why));
}

void check_number(const char* of, std::size_t number, std::size_t most) {
    if (number > most)
        refuse(std::to_string(number), fmt::format("there can be at most {} {}", most, of));
}

void check_providers(const std::vector<std::string>& providers) {
    check_number("providers", providers.size(), most_providers);
    for (const std::string& provider : providers) {
        if (provider == no_provider && providers.size() > 1)
            refuse(provider, "it stands for your own images alone, so it goes with no other");
        if (provider != no_provider && provider != marketplace && !AccountId::is_valid(provider))
            refuse(provider, "expecting the id of an account, aws-marketplace or none");
    }
}

void check_product_codes(const std::vector<std::string>& codes) {
    check_number("product codes", codes.size(), most_product_codes);
    for (const std::string& code : codes) {
        const bool is_code =
            !code.empty() && code.size() <= longest_product_code &&
            std::ranges::all_of(code, [](unsigned char c) { return std::isalnum(c) != 0; });
        if (!is_code) refuse(code, "a product code has 1 to 25 letters and digits");
    }
}

void check(const ImageCriterion& criterion) {
    check_providers(criterion.providers);
    check_product_codes(criterion.product_codes);
    check_number("names", criterion.names.size(), most_names);
    const auto& created = criterion.most_days_since_created;
    const auto& deprecated = criterion.most_days_since_deprecated;
    for (const auto& days : {created, deprecated}) {
        if (days && *days < 0) refuse(std::to_string(*days), "expecting 0 days or more");
    }
    if (criterion.providers.empty() && criterion.product_codes.empty() && criterion.names.empty() &&
        !created && !deprecated)
        refuse("", "it must have at least one condition");
}

bool is_within(const std::optional<int>& days, Time since, Time now) {
    return !days || now - since <= std::chrono::days(*days);
}

bool meets(const ImageCriterion& criterion, const Image& image,
           const std::vector<std::string>& product_codes, Time now) {
    const auto has_name = [&](const std::string& pattern) {
        return matches_wildcard(image.name, pattern);
    };
    const auto is_provider = [&](const std::string& provider) {
        return provider == marketplace ? !product_codes.empty() : image.owner.str() == provider;
    };
    const auto is_code = [&](const std::string& code) {
        return std::ranges::find(product_codes, code) != product_codes.end();
    };
    return (criterion.providers.empty() || std::ranges::any_of(criterion.providers, is_provider)) &&
           (criterion.product_codes.empty() ||
            std::ranges::any_of(criterion.product_codes, is_code)) &&
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
    check_number("criteria", criteria.size(), most_criteria);
    nlohmann::json json = nlohmann::json::array();
    for (const ImageCriterion& criterion : criteria) {
        check(criterion);
        json.push_back(to_json(criterion));
    }
    set_setting(session, scope, criteria_setting, json.dump());
}

bool meets_criteria(const AllowedImages& allowed, const Scope& scope, const Image& image,
                    const std::vector<std::string>& product_codes, Time now) {
    return image.owner == scope.owner ||
           std::ranges::any_of(allowed.criteria, [&](const ImageCriterion& criterion) {
               return meets(criterion, image, product_codes, now);
           });
}

void check_allowed(Session& session, const Scope& scope, const Image& image, Time now) {
    if (image.owner == scope.owner) return;
    const AllowedImages allowed = load_allowed_images(session, scope);
    if (allowed.state != AllowedImagesState::enabled) return;
    const auto product_codes = product_codes_of(session, image.id.str());
    if (meets_criteria(allowed, scope, image, product_codes, now)) return;
    throw Error("AuthFailure", image.id.str(),
                fmt::format("Not authorized for images: [{}]: the allowed images settings of your "
                            "account do not let it in",
                            image.id.str()));
}

}  // namespace kiln::images
