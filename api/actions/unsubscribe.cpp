#include "api/services.hpp"
#include "api/shapes/product.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

images::Subscription handle(Services& services, const images::Caller& caller,
                            const Arguments& arguments) {
    return services.database.write([&](Session& session) {
        auto ended = images::unsubscribe(
            session, caller.account, arguments.required_text("ProductCode"), services.clock.now());
        caller.stop_if_dry_run();
        return ended;
    });
}

}  // namespace

Action unsubscribe() {
    return with_handler<images::Subscription>(
        {.name = "Unsubscribe",
         .summary = "Launch no more instances with a product; what runs goes on and is charged",
         .example = "kiln unsubscribe --product-code a1b2c3d4e5f6g7h8i9j0k1l2m",
         .parameters = {product_code_parameter(), dry_run_parameter()},
         .table = subscription_table()},
        subscription_structure(), handle);
}

}  // namespace kiln::api
