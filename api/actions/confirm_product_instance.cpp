#include <algorithm>

#include "api/action.hpp"
#include "base/database.hpp"
#include "images/catalog/instance.hpp"
#include "images/market/product.hpp"
#include "images/market/product_code.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::optional<AccountId> owner;
};

Structure<Result> output() {
    return Structure<Result>()
        .boolean("Return", "return", [](const Result& r) { return r.owner.has_value(); })
        .text("OwnerId", "ownerId", [](const Result& r) -> std::optional<std::string> {
            if (!r.owner) return std::nullopt;
            return r.owner->str();
        });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const InstanceId id(arguments.required_text("InstanceId"));
    const std::string code = arguments.required_text("ProductCode");
    Result result = services.database.read([&](Session& session) -> Result {
        images::get_own_product(session, caller.account, code);
        const auto codes = images::product_codes_of(session, id.str());
        const auto instance = images::find_instance(session, id);
        if (!instance || std::ranges::find(codes, code) == codes.end()) return {};
        return {.owner = instance->owner};
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action confirm_product_instance() {
    return with_handler<Result>(
        {.name = "ConfirmProductInstance",
         .summary = "As its seller: whether an instance has the code of a product, and whose it is",
         .example = "kiln confirm-product-instance --product-code a1b2c3d4e5f6g7h8i9j0k1l2m "
                    "--instance-id i-0123456789abcdef0",
         .parameters = {{.name = "ProductCode",
                         .wire = "ProductCode",
                         .required = true,
                         .help = "The code of a product that you sell"},
                        {.name = "InstanceId",
                         .wire = "InstanceId",
                         .required = true,
                         .help = "The instance"},
                        dry_run_parameter()},
         .table = {.columns = {"Return", "OwnerId"}}},
        output(), handle);
}

}  // namespace kiln::api
