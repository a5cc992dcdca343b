#include "api/shapes/product.hpp"

#include <fmt/format.h>

#include "api/services.hpp"
#include "api/shapes/common.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/settings.hpp"

namespace kiln::api {

const Structure<ProductView>& product_structure() {
    using View = ProductView;
    static const auto structure =
        Structure<View>()
            .text("ProductCode", "productCode", [](const View& v) { return v.product.code; })
            .text("Name", "name", [](const View& v) { return v.product.name; })
            .text("Description", "description", [](const View& v) { return v.product.description; })
            .text("SellerId", "sellerId", [](const View& v) { return v.product.seller.str(); })
            .text("State", "state",
                  [](const View& v) { return std::string(to_text(v.product.state)); })
            .text("HourlyRate", "hourlyRate", [](const View& v) { return v.rate.str(); })
            .text("Currency", "currency", [](const View& v) { return v.currency; })
            .text("Terms", "terms", [](const View& v) { return v.product.terms; })
            .boolean("Subscribed", "subscribed", [](const View& v) { return v.subscribed; })
            .text("CreationDate", "creationDate",
                  [](const View& v) { return format_time(v.product.created); });
    return structure;
}

ProductView load_product_view(Services& services, Session& session, const AccountId& caller,
                              images::Product product) {
    const Decimal rate = images::product_rate(session, product.code, services.clock.now());
    const bool subscribed = images::is_subscribed(session, caller, product.code);
    return {.product = std::move(product),
            .rate = rate,
            .currency = services.settings.rates.currency,
            .subscribed = subscribed};
}

Table product_table() {
    return {.columns = {"ProductCode", "Name", "HourlyRate", "Currency", "SellerId", "State"}};
}

const Structure<images::Subscription>& subscription_structure() {
    using images::Subscription;
    static const auto structure =
        Structure<Subscription>()
            .text("SubscriptionId", "subscriptionId",
                  [](const Subscription& s) { return s.id.str(); })
            .text("ProductCode", "productCode",
                  [](const Subscription& s) { return s.product_code; })
            .text("AcceptedTerms", "acceptedTerms",
                  [](const Subscription& s) { return s.accepted_terms; })
            .text("StartTime", "startTime",
                  [](const Subscription& s) { return format_time(s.started); })
            .text("EndTime", "endTime", [](const Subscription& s) { return if_any(s.ended); });
    return structure;
}

Table subscription_table() {
    return {.columns = {"SubscriptionId", "ProductCode", "StartTime", "EndTime"}};
}

Parameter product_code_parameter() {
    return {.name = "ProductCode", .wire = "ProductCode", .required = true, .help = "Its code"};
}

std::optional<Decimal> hourly_rate_of(const Services& services, const Arguments& arguments) {
    const std::string& own_currency = services.settings.rates.currency;
    const std::string currency = arguments.text("Currency").value_or(own_currency);
    if (currency != own_currency) {
        throw Error(error_code::invalid_parameter_value, currency,
                    fmt::format("Invalid value '{}' for Currency: this service charges in {}",
                                currency, own_currency));
    }
    const auto text = arguments.text("HourlyRate");
    if (!text) return std::nullopt;
    const auto rate = Decimal::parse(*text);
    if (rate) return rate;
    throw Error(
        error_code::invalid_parameter_value, *text,
        fmt::format("Invalid value '{}' for HourlyRate: expecting an amount like 0.25, with "
                    "at most ten places after the point",
                    *text));
}

Parameter hourly_rate_parameter(bool required) {
    return {.name = "HourlyRate",
            .wire = "HourlyRate",
            .required = required,
            .help = "What an instance with it costs each hour, besides its own rate"};
}

Parameter currency_parameter() {
    return {.name = "Currency",
            .wire = "Currency",
            .help = "Of the rate: the one that the service charges in"};
}

}  // namespace kiln::api
