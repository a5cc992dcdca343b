#include "api/services.hpp"
#include "api/shapes/product.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

ProductView handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const images::Product product{.code = images::new_product_code(),
                                  .seller = caller.account,
                                  .name = arguments.required_text("Name"),
                                  .description = arguments.text("Description").value_or(""),
                                  .terms = arguments.text("Terms").value_or(""),
                                  .created = services.clock.now()};
    images::check_product(product);
    const Decimal rate = hourly_rate_of(services, arguments).value();
    return services.database.write([&](Session& session) {
        images::insert_product(session, product, rate);
        caller.stop_if_dry_run();
        return load_product_view(services, session, caller.account, product);
    });
}

}  // namespace

Action create_product() {
    return with_handler<ProductView>(
        {.name = "CreateProduct",
         .summary = "Sell the right to launch images of yours; attach the product's code to them",
         .example = "kiln create-product --name web-server --hourly-rate 0.25 --terms as-it-is",
         .parameters = {{.name = "Name", .wire = "Name", .required = true, .help = "Its name"},
                        hourly_rate_parameter(true),
                        currency_parameter(),
                        {.name = "Description", .wire = "Description", .help = "What it is"},
                        {.name = "Terms", .wire = "Terms", .help = "What a buyer has to accept"},
                        dry_run_parameter()},
         .table = product_table()},
        product_structure(), handle);
}

}  // namespace kiln::api
