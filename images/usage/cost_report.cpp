#include "images/usage/cost_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"

namespace kiln::images {

namespace {

using std::chrono::seconds;

/// What one record costs in one period.
struct Charge {
    Decimal amount;
    Decimal quantity;
    const char* unit;
};

Time whole_seconds(Time time) {
    return std::chrono::floor<seconds>(time);
}

Time period_end(Time time, Granularity granularity) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    switch (granularity) {
        case Granularity::hourly:
            return std::chrono::floor<std::chrono::hours>(time) + std::chrono::hours(1);
        case Granularity::daily:
            return day + std::chrono::days(1);
        case Granularity::monthly: {
            const std::chrono::year_month_day date(day);
            return std::chrono::sys_days(date.year() / date.month() / 1 + std::chrono::months(1));
        }
    }
    std::abort();
}

/// The time that is charged for, whatever the period.
TimePeriod charged_time(const UsageRecord& record, Time now) {
    const Time start = whole_seconds(record.started);
    const Time end = whole_seconds(record.ended.value_or(now));
    const bool runs =
        record.usage.kind == UsageKind::instance || record.usage.kind == UsageKind::product;
    return {.start = start, .end = runs ? std::max(end, start + minimum_run) : end};
}

/// 0 when they do not overlap.
std::uint64_t common_seconds(const TimePeriod& a, const TimePeriod& b) {
    const auto common = std::min(a.end, b.end) - std::max(a.start, b.start);
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, std::chrono::floor<seconds>(common).count()));
}

Charge running_charge(Decimal rate, std::uint64_t duration_s) {
    const Decimal hours = Decimal::ratio(duration_s, 3600);
    return {.amount = rate * hours, .quantity = hours, .unit = "Hrs"};
}

/// Of a period within one month.
Charge storage_charge(Decimal rate, Bytes size, std::uint64_t duration_s, const TimePeriod& in) {
    const Time month = month_start(in.start);
    const std::uint64_t month_s =
        common_seconds({.start = month, .end = period_end(month, Granularity::monthly)},
                       {.start = month, .end = Time::max()});
    const Decimal gib_months = Decimal::ratio(WideNumber{size.value} * duration_s,
                                              WideNumber{Bytes::gibibytes(1).value} * month_s);
    return {.amount = rate * gib_months, .quantity = gib_months, .unit = "GB-Mo"};
}

Charge charge_of(const Usage& usage, const Rates& rates, std::uint64_t duration_s,
                 const TimePeriod& in) {
    switch (usage.kind) {
        case UsageKind::instance:
            return running_charge(rate_of(rates.instance_hour, usage.type), duration_s);
        case UsageKind::volume:
            return storage_charge(rate_of(rates.volume_gib_month, usage.type), usage.size,
                                  duration_s, in);
        case UsageKind::snapshot:
            return storage_charge(rates.snapshot_gib_month, usage.size, duration_s, in);
        case UsageKind::bundle:
            return storage_charge(rates.bundle_gib_month, usage.size, duration_s, in);
        case UsageKind::product:
            return running_charge(usage.rate.value_or(Decimal()), duration_s);
    }
    std::abort();
}

void add(Cost& cost, const Charge& charge) {
    cost.amount = cost.amount + charge.amount;
    Decimal& quantity = cost.quantities[charge.unit];
    quantity = quantity + charge.quantity;
}

std::string usage_type(const Usage& usage) {
    switch (usage.kind) {
        case UsageKind::instance:
            return "BoxUsage:" + usage.type;
        case UsageKind::volume:
            return "EBS:VolumeUsage." + usage.type;
        case UsageKind::snapshot:
            return "EBS:SnapshotUsage";
        case UsageKind::bundle:
            return "TimedStorage-ByteHrs";
        case UsageKind::product:
            return "MP:" + usage.type;
    }
    std::abort();
}

std::vector<std::string> keys_of(const Usage& usage, const std::vector<CostDimension>& group_by) {
    std::vector<std::string> keys;
    keys.reserve(group_by.size());
    for (const CostDimension dimension : group_by)
        keys.push_back(value_of(usage, dimension));
    return keys;
}

CostOfPeriod cost_of_period(const std::vector<UsageRecord>& records, const Rates& rates,
                            const CostRequest& request, const TimePeriod& period, Time now) {
    CostOfPeriod result{.period = period};
    std::map<std::vector<std::string>, Cost> groups;
    if (request.group_by.empty()) groups[{}] = {};  // also when it has nothing in it
    for (const UsageRecord& record : records) {
        const std::uint64_t duration_s = common_seconds(charged_time(record, now), period);
        if (duration_s == 0) continue;
        const Charge charge = charge_of(record.usage, rates, duration_s, period);
        add(groups[keys_of(record.usage, request.group_by)], charge);
        add(result.total, charge);
    }
    for (auto& [keys, cost] : groups)
        result.groups.push_back({.keys = keys, .cost = std::move(cost)});
    return result;
}

}  // namespace

std::string value_of(const Usage& usage, CostDimension dimension) {
    switch (dimension) {
        case CostDimension::resource_type:
            return std::string(to_text(usage.kind));
        case CostDimension::usage_type:
            return usage_type(usage);
        case CostDimension::resource_id:
            return usage.resource_id;
        case CostDimension::linked_account:
            return usage.owner.str();
        case CostDimension::region:
            return usage.region;
    }
    std::abort();
}

Time month_start(Time time) {
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    return std::chrono::sys_days(date.year() / date.month() / 1);
}

std::vector<TimePeriod> split_period(const TimePeriod& period, Granularity granularity) {
    std::vector<TimePeriod> parts;
    for (Time start = period.start; start < period.end;) {
        if (parts.size() == most_periods) {
            throw Error(error_code::invalid_parameter_value, "TimePeriod",
                        fmt::format("The time period has more than {} parts: ask for a shorter one "
                                    "or for a coarser granularity",
                                    most_periods));
        }
        const Time end = std::min(period.end, period_end(start, granularity));
        parts.push_back({.start = start, .end = end});
        start = end;
    }
    return parts;
}

std::vector<CostOfPeriod> cost_report(const std::vector<UsageRecord>& records, const Rates& rates,
                                      const CostRequest& request, Time now) {
    std::vector<CostOfPeriod> report;
    for (const TimePeriod& period : split_period(request.period, request.granularity))
        report.push_back(cost_of_period(records, rates, request, period, now));
    return report;
}

}  // namespace kiln::images
