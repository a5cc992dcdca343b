#include <fmt/format.h>

#include "api/services.hpp"
#include "api/shapes/product.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

void check_accepted(const images::Product& product, const Arguments& arguments) {
    if (arguments.boolean("AcceptTerms").value_or(false)) return;
    throw Error("OptInRequired", product.code,
                fmt::format("To subscribe to '{}' you need to accept its terms (with AcceptTerms, "
                            "--accept-terms), which are: {}",
                            product.name, product.terms.empty() ? "none" : product.terms));
}

images::Subscription handle(Services& services, const images::Caller& caller,
                            const Arguments& arguments) {
    const std::string code = arguments.required_text("ProductCode");
    return services.database.write([&](Session& session) {
        check_accepted(images::get_product(session, code), arguments);
        auto made = images::subscribe(session, caller.account, code, services.clock.now());
        caller.stop_if_dry_run();
        return made;
    });
}

}  // namespace

Action subscribe() {
    return with_handler<images::Subscription>(
        {.name = "Subscribe",
         .summary = "Accept the terms of a product, to launch instances of images with its code",
         .example = "kiln subscribe --product-code a1b2c3d4e5f6g7h8i9j0k1l2m --accept-terms",
         .parameters = {product_code_parameter(),
                        {.name = "AcceptTerms",
                         .wire = "AcceptTerms",
                         .shape = Shape::boolean,
                         .help = "You have read its terms, and its rate, and accept both"},
                        dry_run_parameter()},
         .table = subscription_table()},
        subscription_structure(), handle);
}

}  // namespace kiln::api
