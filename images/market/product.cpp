#include "images/market/product.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/random.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t code_letters = 25;
constexpr std::size_t min_name_length = 3;
constexpr std::size_t max_name_length = 128;
constexpr std::size_t max_text_length = 16'384;

struct ProductTable {
    static constexpr const char* name = "products";
    static Product blank() { return {.seller = placeholder_account()}; }
    static void columns(auto& column, auto& product) {
        column("product_code", product.code);
        column("seller", product.seller);
        column("name", product.name);
        column("description", product.description);
        column("terms", product.terms);
        column("state", product.state);
        column("created", product.created);
    }
};

void check_length(const char* parameter, const std::string& text, std::size_t least,
                  std::size_t most) {
    if (text.size() >= least && text.size() <= most) return;
    throw Error(error_code::invalid_parameter_value, parameter,
                fmt::format("{} must have {} to {} characters", parameter, least, most));
}

}  // namespace

void check_product(const Product& product) {
    check_length("Name", product.name, min_name_length, max_name_length);
    check_length("Description", product.description, 0, max_text_length);
    check_length("Terms", product.terms, 0, max_text_length);
}

std::string new_product_code() {
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    std::string code;
    while (code.size() < code_letters)
        code += letters[random_number() % letters.size()];
    return code;
}

void insert_product(Session& session, const Product& product, Decimal hourly_rate) {
    insert_row<ProductTable>(session, product);
    set_product_rate(session, product.code, hourly_rate, product.created);
}

Product get_product(Session& session, const std::string& code) {
    auto product =
        select_row<ProductTable>(session, "where product_code = :code", {{"code", code}});
    if (product) return *std::move(product);
    throw Error("InvalidProductCode.NotFound", code,
                fmt::format("The product code '{}' does not exist: kiln describe-products shows "
                            "those there are",
                            code));
}

Product get_own_product(Session& session, const AccountId& account, const std::string& code) {
    Product product = get_product(session, code);
    if (product.seller == account) return product;
    throw Error("AuthFailure", code,
                fmt::format("The product '{}' is sold by another account", code));
}

std::vector<Product> list_products(Session& session) {
    return select_rows<ProductTable>(session, "order by name, product_code");
}

void update_product(Session& session, const Product& product) {
    update_row<ProductTable>(session, product);
}

void set_product_rate(Session& session, const std::string& code, Decimal hourly_rate, Time since) {
    run_sql(session,
            "insert into product_rates (product_code, since, rate) values (:code, :since, :rate)"
            " on conflict (product_code, since) do update set rate = excluded.rate",
            {{"code", code}, {"since", to_value(since)}, {"rate", hourly_rate.str()}});
}

Decimal product_rate(Session& session, const std::string& code, Time time) {
    Statement row(session,
                  "select rate from product_rates where product_code = :code"
                  " order by case when since <= :time then 0 else 1 end,"
                  "  case when since <= :time then -since else since end limit 1",
                  {{"code", code}, {"time", to_value(time)}}, {ColumnType::text});
    if (!row.next()) return {};
    return Decimal::parse(row.text(0)).value_or(Decimal());
}

}  // namespace kiln::images
