#include "api/shapes/cost_action.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "api/output/filter.hpp"
#include "api/services.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/cost.hpp"
#include "base/clock.hpp"
#include "base/settings.hpp"

namespace kiln::api {

namespace {

using images::CostDimension;
using images::CostRequest;
using images::Granularity;
using images::TimePeriod;
using images::UsageRecord;
using Values = std::vector<std::string>;

constexpr std::size_t most_groupings = 2;

/// Cost Explorer's word for a value.
template <class Enum>
struct Word {
    const char* word;
    Enum value;
};
constexpr Word<Granularity> granularities[]{{"DAILY", Granularity::daily},
                                            {"HOURLY", Granularity::hourly},
                                            {"MONTHLY", Granularity::monthly}};
constexpr Word<CostDimension> dimensions[]{{"LINKED_ACCOUNT", CostDimension::linked_account},
                                           {"REGION", CostDimension::region},
                                           {"RESOURCE_ID", CostDimension::resource_id},
                                           {"RESOURCE_TYPE", CostDimension::resource_type},
                                           {"USAGE_TYPE", CostDimension::usage_type}};

template <class Enum>
Values words_of(std::span<const Word<Enum>> table) {
    Values words;
    for (const Word<Enum>& row : table)
        words.emplace_back(row.word);
    return words;
}

/// Of a text that was checked to be one of the words.
template <class Enum>
Enum value_of(std::span<const Word<Enum>> table, const std::string& word) {
    return std::ranges::find(table, word, &Word<Enum>::word)->value;
}

Granularity granularity_of(const Arguments& arguments) {
    const auto word = arguments.text("Granularity");
    return word ? value_of<Granularity>(granularities, *word) : Granularity::monthly;
}

Time time_of(const Arguments& period, const std::string& edge, Granularity granularity) {
    const std::string text = period.required_text(edge);
    const auto time = parse_time(text);
    const bool is_hourly = granularity == Granularity::hourly;
    const bool is_day = time && *time == std::chrono::floor<std::chrono::days>(*time);
    if (time && (is_day || is_hourly)) return *time;
    const std::string name = "TimePeriod." + edge;
    throw Error(error_code::invalid_parameter_value, name,
                fmt::format("Value ({}) for parameter {} is invalid. Give a date like 2026-11-01{}",
                            text, name,
                            is_hourly ? " or a time like 2026-11-01T10:00:00Z"
                                      : "; times go with the granularity HOURLY"));
}

/// Without a TimePeriod this month's days until today.
TimePeriod period_of(const Arguments& arguments, Granularity granularity, Time now) {
    if (!arguments.has("TimePeriod")) {
        return {.start = images::month_start(now),
                .end = std::chrono::floor<std::chrono::days>(now) + std::chrono::days(1)};
    }
    const Arguments given = arguments.structure("TimePeriod");
    const TimePeriod period{.start = time_of(given, "Start", granularity),
                            .end = time_of(given, "End", granularity)};
    if (period.start < period.end) return period;
    throw Error(error_code::invalid_parameter_value, "TimePeriod",
                "Start date (and hour) should be before end date (and hour): the end is not part "
                "of the period");
}

std::vector<CostDimension> group_by_of(const Arguments& arguments) {
    std::vector<CostDimension> group_by;
    for (const Arguments& grouping : arguments.structures("GroupBy")) {
        const std::string key = grouping.required_text("Key");
        const auto dimension = value_of<CostDimension>(dimensions, key);
        if (std::ranges::find(group_by, dimension) != group_by.end()) {
            throw Error(error_code::invalid_parameter_value, "GroupBy",
                        fmt::format("The key {} is given twice: leave one out", key));
        }
        group_by.push_back(dimension);
    }
    if (group_by.size() <= most_groupings) return group_by;
    throw Error(
        error_code::invalid_parameter_value, "GroupBy",
        fmt::format("Costs are grouped by at most {} keys: leave the others out", most_groupings));
}

FilterTable<UsageRecord>::Row filter_row(const char* name, CostDimension dimension) {
    return {.name = name, .values = [dimension](const UsageRecord& record) {
                return Values{images::value_of(record.usage, dimension)};
            }};
}

const FilterTable<UsageRecord>& filters() {
    static const FilterTable<UsageRecord> table(
        {filter_row("linked-account", CostDimension::linked_account),
         filter_row("region", CostDimension::region),
         filter_row("resource-id", CostDimension::resource_id),
         filter_row("resource-type", CostDimension::resource_type),
         filter_row("usage-type", CostDimension::usage_type)});
    return table;
}

Parameter time_period_parameter() {
    return {
        .name = "TimePeriod",
        .wire = "TimePeriod",
        .shape = Shape::structure,
        .help = "From Start to before End, in UTC; default: this month until today",
        .members = {{.name = "Start",
                     .wire = "Start",
                     .required = true,
                     .help = "Its first day, YYYY-MM-DD; with HOURLY also YYYY-MM-DDThh:mm:ssZ"},
                    {.name = "End",
                     .wire = "End",
                     .required = true,
                     .help = "The day after its last one, in the same form"}}};
}

Parameter granularity_parameter() {
    return {.name = "Granularity",
            .wire = "Granularity",
            .help = "What one result stands for; default: MONTHLY",
            .choices = words_of<Granularity>(granularities)};
}

Parameter group_by_parameter() {
    return {.name = "GroupBy",
            .wire = "GroupBy",
            .shape = Shape::structure,
            .list = true,
            .help = "One row for each value of these, at most two; default: all in one",
            .members = {{.name = "Type",
                         .wire = "Type",
                         .required = true,
                         .help = "What the key is",
                         .choices = {"DIMENSION"}},
                        {.name = "Key",
                         .wire = "Key",
                         .required = true,
                         .help = "What tells the groups apart",
                         .choices = words_of<CostDimension>(dimensions)}}};
}

Parameter metrics_parameter() {
    return {.name = "Metrics",
            .wire = "Metric",
            .list = true,
            .help = "What to answer; default: both",
            .choices = {"BlendedCost", "UsageQuantity"}};
}

CostAndUsage answer(Services& services, const images::Caller& caller, const Arguments& arguments,
                    const LoadRecords& load) {
    const Time now = services.clock.now();
    const Granularity granularity = granularity_of(arguments);
    const CostRequest request{.period = period_of(arguments, granularity, now),
                              .granularity = granularity,
                              .group_by = group_by_of(arguments)};
    auto records =
        load(services, caller,
             {.since = request.period.start - images::minimum_run, .until = request.period.end});
    filters().apply(filters_of(arguments), records);
    const Rates& rates = services.settings.rates;
    auto report = images::cost_report(records, rates, request, now);
    caller.stop_if_dry_run();
    return {.report = std::move(report),
            .currency = rates.currency,
            .metrics = metrics_of(arguments.texts("Metric")),
            .has_times = granularity == Granularity::hourly,
            .now = now};
}

}  // namespace

Action cost_action(Action action, LoadRecords load) {
    action.parameters = {time_period_parameter(), granularity_parameter(), group_by_parameter(),
                         metrics_parameter(),     filters_parameter(),     dry_run_parameter()};
    action.table = {.rows = "ResultsByTime.Groups",
                    .columns = {"TimePeriod.Start", "TimePeriod.End", "Keys",
                                "Metrics.BlendedCost.Amount", "Metrics.BlendedCost.Unit",
                                "Metrics.UsageQuantity.Amount", "Metrics.UsageQuantity.Unit"}};
    return with_handler<CostAndUsage>(
        std::move(action), cost_and_usage_structure(),
        [load = std::move(load)](Services& services, const images::Caller& caller,
                                 const Arguments& arguments) {
            return answer(services, caller, arguments, load);
        });
}

}  // namespace kiln::api
