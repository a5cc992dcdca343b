#pragma once

#include <string>
#include <vector>

#include "api/output/structure.hpp"
#include "base/clock.hpp"
#include "images/usage/cost_report.hpp"

namespace kiln::api {

/// Which metrics an answer has.
struct CostMetrics {
    bool blended_cost = true;
    bool usage_quantity = true;
};
/// Those that are named; no names are all.
CostMetrics metrics_of(const std::vector<std::string>& names);

struct CostAndUsage {
    std::vector<images::CostOfPeriod> report;
    std::string currency;
    CostMetrics metrics;
    bool has_times = false;  // its periods are told as times, else as days
    Time now;
};

/// GetCostAndUsage's answer in the words of AWS Cost Explorer. Other than there each group tells
/// its period, so that it can stand for itself, and UsageQuantity is left out where hours and
/// GiB-months come together, because such a sum means nothing.
Structure<CostAndUsage> cost_and_usage_structure();

}  // namespace kiln::api
