#include "api/services.hpp"
#include "api/shapes/cost_action.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

/// Which of a buyer's instances it was is the buyer's own affair.
std::vector<images::UsageRecord> load(Services& services, const images::Caller& caller,
                                      const images::UsageSpan& span) {
    auto records = services.database.read(
        [&](Session& session) { return images::list_sales(session, caller.account, span); });
    for (images::UsageRecord& record : records)
        record.usage.resource_id = record.usage.type;
    return records;
}

}  // namespace

Action get_seller_statement() {
    return cost_action(
        {.name = "GetSellerStatement",
         .summary = "Show what the buyers of your products are charged for them",
         .example = "kiln get-seller-statement --group-by Type=DIMENSION,Key=USAGE_TYPE "
                    "Type=DIMENSION,Key=LINKED_ACCOUNT"},
        load);
}

}  // namespace kiln::api
