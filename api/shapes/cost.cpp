#include "api/shapes/cost.hpp"

#include <algorithm>
#include <optional>

namespace kiln::api {

namespace {

struct Metric {
    std::string amount;
    std::string unit;
};

struct CostView {
    const CostAndUsage* answer;
    const images::Cost* cost;
};

struct GroupView {
    const CostAndUsage* answer;
    const images::TimePeriod* period;
    const images::CostGroup* group;
};

struct PeriodView {
    const CostAndUsage* answer;
    const images::CostOfPeriod* result;
};

struct EdgesView {
    std::string start;
    std::string end;
};

EdgesView edges_of(const CostAndUsage& answer, const images::TimePeriod& period) {
    const auto text = answer.has_times ? format_time : format_date;
    return {.start = text(period.start), .end = text(period.end)};
}

Structure<EdgesView> edges_structure() {
    return Structure<EdgesView>()
        .text("Start", "start", [](const EdgesView& v) { return v.start; })
        .text("End", "end", [](const EdgesView& v) { return v.end; });
}

std::optional<Metric> blended_cost(const CostView& view) {
    if (!view.answer->metrics.blended_cost) return std::nullopt;
    return Metric{.amount = view.cost->amount.str(), .unit = view.answer->currency};
}

std::optional<Metric> usage_quantity(const CostView& view) {
    const auto& quantities = view.cost->quantities;
    if (!view.answer->metrics.usage_quantity || quantities.size() != 1) return std::nullopt;
    const auto& [unit, quantity] = *quantities.begin();
    return Metric{.amount = quantity.str(), .unit = unit};
}

Structure<CostView> metrics_structure() {
    const auto metric = Structure<Metric>()
                            .text("Amount", "amount", [](const Metric& m) { return m.amount; })
                            .text("Unit", "unit", [](const Metric& m) { return m.unit; });
    return Structure<CostView>()
        .structure("BlendedCost", "blendedCost", metric, blended_cost)
        .structure("UsageQuantity", "usageQuantity", metric, usage_quantity);
}

Structure<GroupView> group_structure() {
    return Structure<GroupView>()
        .structure("TimePeriod", "timePeriod", edges_structure(),
                   [](const GroupView& v) { return edges_of(*v.answer, *v.period); })
        .text_list(
            "Keys", "keys", [](const GroupView& v) -> const auto& { return v.group->keys; })
        .structure("Metrics", "metrics", metrics_structure(), [](const GroupView& v) {
            return CostView{.answer = v.answer, .cost = &v.group->cost};
        });
}

std::vector<GroupView> groups_of(const PeriodView& view) {
    std::vector<GroupView> groups;
    groups.reserve(view.result->groups.size());
    for (const images::CostGroup& group : view.result->groups)
        groups.push_back({.answer = view.answer, .period = &view.result->period, .group = &group});
    return groups;
}

Structure<PeriodView> period_structure() {
    return Structure<PeriodView>()
        .structure("TimePeriod", "timePeriod", edges_structure(),
                   [](const PeriodView& v) { return edges_of(*v.answer, v.result->period); })
        .list("Groups", "groups", group_structure(), groups_of)
        .structure("Total", "total", metrics_structure(),
                   [](const PeriodView& v) {
                       return CostView{.answer = v.answer, .cost = &v.result->total};
                   })
        .boolean("Estimated", "estimated",
                 [](const PeriodView& v) { return v.answer->now < v.result->period.end; });
}

std::vector<PeriodView> periods_of(const CostAndUsage& answer) {
    std::vector<PeriodView> periods;
    periods.reserve(answer.report.size());
    for (const images::CostOfPeriod& result : answer.report)
        periods.push_back({.answer = &answer, .result = &result});
    return periods;
}

}  // namespace

CostMetrics metrics_of(const std::vector<std::string>& names) {
    const auto has = [&](const char* name) {
        return names.empty() || std::ranges::find(names, name) != names.end();
    };
    return {.blended_cost = has("BlendedCost"), .usage_quantity = has("UsageQuantity")};
}

Structure<CostAndUsage> cost_and_usage_structure() {
    return Structure<CostAndUsage>().list("ResultsByTime", "resultsByTime", period_structure(),
                                          periods_of);
}

}  // namespace kiln::api
