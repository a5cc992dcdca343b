#include "api/action.hpp"
#include "api/shapes/product.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

struct Result {
    std::vector<images::Subscription> subscriptions;
};

Structure<Result> output() {
    return Structure<Result>().list(
        "Subscriptions", "subscriptionSet", subscription_structure(),
        [](const Result& r) -> const auto& { return r.subscriptions; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& /*arguments*/) {
    Result result{.subscriptions = services.database.read([&](Session& session) {
        return images::list_subscriptions(session, caller.account);
    })};
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_subscriptions() {
    Table table = subscription_table();
    table.rows = "Subscriptions";
    return with_handler<Result>({.name = "DescribeSubscriptions",
                                 .summary = "Show the products that you have subscribed to",
                                 .example = "kiln describe-subscriptions",
                                 .parameters = {dry_run_parameter()},
                                 .table = table},
                                output(), handle);
}

}  // namespace kiln::api
