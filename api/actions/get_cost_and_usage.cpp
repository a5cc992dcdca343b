#include "api/services.hpp"
#include "api/shapes/cost_action.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

/// Administrators see those of all accounts.
std::vector<images::UsageRecord> load(Services& services, const images::Caller& caller,
                                      const images::UsageSpan& span) {
    const auto owner = caller.administrator ? std::nullopt : std::optional(caller.account);
    return services.database.read(
        [&](Session& session) { return images::list_usage(session, owner, span); });
}

}  // namespace

Action get_cost_and_usage() {
    return cost_action(
        {.name = "GetCostAndUsage",
         .summary = "Show what your resources are charged, at the rates of the configuration",
         .example = "kiln get-cost-and-usage --time-period Start=2026-11-01,End=2026-12-01 "
                    "--group-by Type=DIMENSION,Key=RESOURCE_TYPE"},
        load);
}

}  // namespace kiln::api
