#pragma once

#include <functional>
#include <vector>

#include "api/action.hpp"
#include "images/catalog/usage.hpp"

namespace kiln::api {

/// The records that ran in a span and that the caller may see.
using LoadRecords = std::function<std::vector<images::UsageRecord>(Services&, const images::Caller&,
                                                                   const images::UsageSpan&)>;

/// Completes an action that reports what records of usage cost, in the words of GetCostAndUsage of
/// AWS Cost Explorer: by periods and groups, filtered.
Action cost_action(Action action, LoadRecords load);

}  // namespace kiln::api
