#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/decimal.hpp"
#include "base/ids.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::images {

/// What an account sells: the right to launch instances of images that have the product's code, at
/// a rate per hour, in the currency of the service.
struct Product {
    std::string code;  // 25 lower-case letters and digits
    AccountId seller;
    std::string name;
    std::string description;
    std::string terms;  // what a buyer accepts
    ProductState state = ProductState::available;
    Time created;
};

/// Throws Error{InvalidParameterValue} for a name of less than 3 or more than 128 characters, and
/// for terms or a description of more than 16 KiB.
void check_product(const Product& product);
std::string new_product_code();

/// With its first rate.
void insert_product(Session& session, const Product& product, Decimal hourly_rate);
/// Throws Error{InvalidProductCode.NotFound}.
Product get_product(Session& session, const std::string& code);
/// As above, and Error{AuthFailure} when another account sells it.
Product get_own_product(Session& session, const AccountId& account, const std::string& code);
/// By name.
std::vector<Product> list_products(Session& session);
/// Writes name, description, terms and state anew, by code.
void update_product(Session& session, const Product& product);

/// Holds for instances that start from then on.
void set_product_rate(Session& session, const std::string& code, Decimal hourly_rate, Time since);
/// The rate of what starts then.
Decimal product_rate(Session& session, const std::string& code, Time time);

}  // namespace kiln::images
