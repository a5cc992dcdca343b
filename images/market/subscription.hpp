#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

struct SubscriptionKind {
    static constexpr const char* prefix = "sub";
    static constexpr const char* malformed_code = "InvalidParameterValue";
};
using SubscriptionId = Id<SubscriptionKind>;

/// An account has accepted a product's terms: it may launch instances of images with the code.
struct Subscription {
    SubscriptionId id;
    std::string product_code;
    AccountId account;
    std::string accepted_terms;  // as they were
    Time started;
    std::optional<Time> ended = {};
};

/// Returns the one that runs when there is one already. Throws Error{InvalidProductCode.NotFound},
/// and Error{InvalidState} for a product that its seller has retired.
Subscription subscribe(Session& session, const AccountId& account, const std::string& code,
                       Time now);
/// What runs goes on, and is charged; nothing new is launched. Throws
/// Error{InvalidSubscription.NotFound}.
Subscription unsubscribe(Session& session, const AccountId& account, const std::string& code,
                         Time now);
/// The account's, those that have ended too, oldest first.
std::vector<Subscription> list_subscriptions(Session& session, const AccountId& account);
bool is_subscribed(Session& session, const AccountId& account, const std::string& code);

/// Throws Error{OptInRequired} unless the account sells each of the products or is subscribed to
/// it.
void check_subscribed(Session& session, const AccountId& account,
                      const std::vector<std::string>& codes);

}  // namespace kiln::images
