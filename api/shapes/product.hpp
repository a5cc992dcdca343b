#pragma once

#include <optional>
#include <string>

#include "api/action.hpp"
#include "base/decimal.hpp"
#include "images/market/product.hpp"
#include "images/market/subscription.hpp"

namespace kiln::api {

/// A product with what it costs now, and whether the caller has subscribed to it.
struct ProductView {
    images::Product product;
    Decimal rate;  // per hour
    std::string currency;
    bool subscribed = false;
};
const Structure<ProductView>& product_structure();
ProductView load_product_view(Services& services, Session& session, const AccountId& caller,
                              images::Product product);
/// How the CLI shows one product.
Table product_table();

const Structure<images::Subscription>& subscription_structure();
Table subscription_table();

/// "ProductCode", required.
Parameter product_code_parameter();
/// HourlyRate and Currency. Throws Error{InvalidParameterValue} for what is no amount, and for
/// another currency than the one that the service charges in.
std::optional<Decimal> hourly_rate_of(const Services& services, const Arguments& arguments);
Parameter hourly_rate_parameter(bool required);
Parameter currency_parameter();

}  // namespace kiln::api
