#include "api/services.hpp"
#include "api/shapes/product.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

ProductView handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const auto rate = hourly_rate_of(services, arguments);
    return services.database.write([&](Session& session) {
        images::Product product = images::get_own_product(session, caller.account,
                                                          arguments.required_text("ProductCode"));
        product.name = arguments.text("Name").value_or(product.name);
        product.description = arguments.text_or_empty("Description").value_or(product.description);
        product.terms = arguments.text_or_empty("Terms").value_or(product.terms);
        if (const auto state = arguments.text("State"))
            product.state = images::parse_product_state(*state);
        images::check_product(product);
        images::update_product(session, product);
        if (rate) images::set_product_rate(session, product.code, *rate, services.clock.now());
        caller.stop_if_dry_run();
        return load_product_view(services, session, caller.account, product);
    });
}

}  // namespace

Action modify_product() {
    return with_handler<ProductView>(
        {.name = "ModifyProduct",
         .summary = "Change a product of yours; a new rate holds for what starts from then on",
         .example = "kiln modify-product --product-code a1b2c3d4e5f6g7h8i9j0k1l2m "
                    "--hourly-rate 0.30",
         .parameters = {product_code_parameter(),
                        {.name = "Name", .wire = "Name", .help = "Its name"},
                        hourly_rate_parameter(false),
                        currency_parameter(),
                        {.name = "Description", .wire = "Description", .help = "What it is"},
                        {.name = "Terms",
                         .wire = "Terms",
                         .help = "What buyers have to accept from now on"},
                        {.name = "State",
                         .wire = "State",
                         .help = "retired: nobody subscribes any more",
                         .choices = {"available", "retired"}},
                        dry_run_parameter()},
         .table = product_table()},
        product_structure(), handle);
}

}  // namespace kiln::api
