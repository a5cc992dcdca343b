#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/decimal.hpp"
#include "base/rates.hpp"
#include "images/catalog/usage.hpp"

namespace kiln::images {

/// What records of usage cost at given rates, in the words of AWS Cost Explorer. Times are UTC and
/// cut to whole seconds.
///
/// - An instance costs its rate per hour by the second, and each of its runs at least a minute.
/// - What is stored costs its rate per GiB and month by the second, of the hours that the actual
///   month has: a GiB that is kept all February costs as much as one kept all March.

/// Each run of an instance costs at least this much of its time, though it may end earlier.
inline constexpr std::chrono::seconds minimum_run{60};
/// A report has at most so many periods.
inline constexpr std::size_t most_periods = 1000;

enum class Granularity { hourly, daily, monthly };
enum class CostDimension { resource_type, usage_type, resource_id, linked_account, region };

/// The end is not part of it.
struct TimePeriod {
    Time start;
    Time end;

    friend bool operator==(const TimePeriod&, const TimePeriod&) = default;
};

struct CostRequest {
    TimePeriod period;
    Granularity granularity;
    std::vector<CostDimension> group_by;  // none: everything is one group
};

struct Cost {
    Decimal amount;                             // of the rates' currency
    std::map<std::string, Decimal> quantities;  // by unit: "Hrs", "GB-Mo"
};

struct CostGroup {
    std::vector<std::string> keys;  // one for each dimension of the request
    Cost cost;
};

struct CostOfPeriod {
    TimePeriod period;
    std::vector<CostGroup> groups;  // sorted by their keys
    Cost total;
};

/// What the usage has in the dimension; of USAGE_TYPE "BoxUsage:t3.micro", "EBS:VolumeUsage.gp3",
/// "EBS:SnapshotUsage" or "TimedStorage-ByteHrs".
std::string value_of(const Usage& usage, CostDimension dimension);

/// The first moment of the month.
Time month_start(Time time);

/// The period cut at the full hours, days or months in it. Throws Error{InvalidParameterValue} when
/// these are more than most_periods.
std::vector<TimePeriod> split_period(const TimePeriod& period, Granularity granularity);

/// One element for each part of the period. A record that still runs is charged until `now`. The
/// records must be all that ran in the period, or at most minimum_run before it.
std::vector<CostOfPeriod> cost_report(const std::vector<UsageRecord>& records, const Rates& rates,
                                      const CostRequest& request, Time now);

}  // namespace kiln::images
