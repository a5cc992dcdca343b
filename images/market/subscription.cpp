#include "images/market/subscription.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/catalog/table.hpp"
#include "images/market/product.hpp"

namespace kiln::images {

namespace {

struct SubscriptionTable {
    static constexpr const char* name = "subscriptions";
    static Subscription blank() {
        return {.id = placeholder_id<SubscriptionId>(), .account = placeholder_account()};
    }
    static void columns(auto& column, auto& subscription) {
        column("subscription_id", subscription.id);
        column("product_code", subscription.product_code);
        column("account_id", subscription.account);
        column("accepted_terms", subscription.accepted_terms);
        column("started", subscription.started);
        column("ended", subscription.ended);
    }
};

std::optional<Subscription> find_running(Session& session, const AccountId& account,
                                         const std::string& code) {
    return select_row<SubscriptionTable>(
        session, "where product_code = :code and account_id = :account and ended is null",
        {{"code", code}, {"account", account.str()}});
}

}  // namespace

Subscription subscribe(Session& session, const AccountId& account, const std::string& code,
                       Time now) {
    const Product product = get_product(session, code);
    if (auto running = find_running(session, account, code)) return *std::move(running);
    if (product.state == ProductState::retired) {
        throw Error(
            "InvalidState", code,
            fmt::format("The product '{}' ({}) takes no new subscriptions", code, product.name));
    }
    Subscription subscription{.id = SubscriptionId::generate(),
                              .product_code = code,
                              .account = account,
                              .accepted_terms = product.terms,
                              .started = now};
    insert_row<SubscriptionTable>(session, subscription);
    return subscription;
}

Subscription unsubscribe(Session& session, const AccountId& account, const std::string& code,
                         Time now) {
    auto subscription = find_running(session, account, code);
    if (!subscription) {
        throw Error("InvalidSubscription.NotFound", code,
                    fmt::format("Your account is not subscribed to the product '{}'", code));
    }
    subscription->ended = std::max(now, subscription->started);
    update_row<SubscriptionTable>(session, *subscription);
    return *std::move(subscription);
}

std::vector<Subscription> list_subscriptions(Session& session, const AccountId& account) {
    return select_rows<SubscriptionTable>(
        session, "where account_id = :account order by started, subscription_id",
        {{"account", account.str()}});
}

bool is_subscribed(Session& session, const AccountId& account, const std::string& code) {
    return find_running(session, account, code).has_value();
}

void check_subscribed(Session& session, const AccountId& account,
                      const std::vector<std::string>& codes) {
    for (const std::string& code : codes) {
        if (is_subscribed(session, account, code)) continue;
        const Product product = get_product(session, code);
        if (product.seller == account) continue;
        throw Error("OptInRequired", code,
                    fmt::format("In order to use '{0}' you need to accept its terms and subscribe: "
                                "see kiln describe-products --product-codes {1}, then kiln "
                                "subscribe --product-code {1} --accept-terms",
                                product.name, code));
    }
}

}  // namespace kiln::images
