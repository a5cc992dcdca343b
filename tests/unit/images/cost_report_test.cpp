#include "images/usage/cost_report.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/error.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

Time at(const char* text) {
    return parse_time(text).value();
}

Decimal decimal(const char* text) {
    return Decimal::parse(text).value();
}

Rates rates() {
    return {.instance_hour = {{"t3.micro", decimal("0.01")}, {"default", decimal("1")}},
            .volume_gib_month = {{"gp3", decimal("0.08")}, {"io2", decimal("0.125")}},
            .snapshot_gib_month = decimal("0.05"),
            .bundle_gib_month = decimal("0.023")};
}

UsageRecord record(UsageKind kind, const std::string& type, Bytes size, const char* started,
                   const char* ended) {
    UsageRecord made{.id = UsageRecordId::generate(),
                     .usage = {.owner = AccountId("111111111111"),
                               .region = "local-1",
                               .resource_id = "id",
                               .kind = kind,
                               .type = type,
                               .size = size},
                     .started = at(started)};
    if (*ended != '\0') made.ended = at(ended);
    return made;
}
UsageRecord instance(const char* started, const char* ended, const std::string& type = "t3.micro") {
    return record(UsageKind::instance, type, Bytes(), started, ended);
}
UsageRecord volume(std::uint64_t gib, const char* started, const char* ended,
                   const std::string& type = "gp3") {
    return record(UsageKind::volume, type, Bytes::gibibytes(gib), started, ended);
}

CostRequest request(const char* start, const char* end,
                    Granularity granularity = Granularity::monthly,
                    std::vector<CostDimension> group_by = {}) {
    return {.period = {.start = at(start), .end = at(end)},
            .granularity = granularity,
            .group_by = std::move(group_by)};
}

/// "0.01 for 1 Hrs": what is charged in a report of one period.
std::string told(const Cost& cost) {
    std::string text = cost.amount.str();
    for (const auto& [unit, quantity] : cost.quantities)
        text += fmt::format(" for {} {}", quantity.str(), unit);
    return text;
}
std::string total(const std::vector<UsageRecord>& records, const CostRequest& request,
                  const char* now = "2030-01-01") {
    const auto report = cost_report(records, rates(), request, at(now));
    EXPECT_THAT(report, SizeIs(1));
    return told(report.at(0).total);
}

TEST(CostReport, an_instance_costs_its_rate_per_hour_by_the_second) {
    const std::tuple<const char*, const char*, const char*> table[]{
        {"2026-11-10T10:00:00Z", "2026-11-10T11:00:00Z", "0.01 for 1 Hrs"},
        {"2026-11-10T10:00:00Z", "2026-11-10T10:30:00Z", "0.005 for 0.5 Hrs"},
        {"2026-11-10T10:00:00Z", "2026-11-10T10:01:01Z", "0.0001694444 for 0.0169444444 Hrs"},
        {"2026-11-10T10:00:00.900Z", "2026-11-10T11:00:00.100Z", "0.01 for 1 Hrs"},
        {"2026-11-01", "2026-12-01", "7.2 for 720 Hrs"},
    };
    for (const auto& [started, ended, cost] : table) {
        EXPECT_EQ(total({instance(started, ended)}, request("2026-11-01", "2026-12-01")), cost)
            << started << " to " << ended;
    }
}

TEST(CostReport, each_run_of_an_instance_costs_at_least_a_minute) {
    const CostRequest november = request("2026-11-01", "2026-12-01");
    const std::string minute = "0.0001666667 for 0.0166666667 Hrs";
    EXPECT_EQ(total({instance("2026-11-10T10:00:00Z", "2026-11-10T10:00:59Z")}, november), minute);
    EXPECT_EQ(total({instance("2026-11-10T10:00:00Z", "2026-11-10T10:00:00Z")}, november), minute);
    EXPECT_EQ(total({instance("2026-11-10T10:00:00Z", "2026-11-10T10:01:00Z")}, november), minute);
    EXPECT_EQ(total({instance("2026-11-10T10:00:00Z", "2026-11-10T10:00:10Z"),
                     instance("2026-11-10T10:00:20Z", "2026-11-10T10:00:30Z")},
                    november),
              "0.0003333334 for 0.0333333334 Hrs")
        << "two runs";
    EXPECT_EQ(total({volume(1, "2026-11-10T10:00:00Z", "2026-11-10T10:00:00Z")}, november), "0")
        << "a volume has no minimum";
}

TEST(CostReport, a_minimum_that_reaches_into_the_next_period_is_charged_there) {
    const std::vector<UsageRecord> records{
        instance("2026-11-30T23:59:30Z", "2026-11-30T23:59:40Z", "m5.large")};
    EXPECT_EQ(total(records, request("2026-11-01", "2026-12-01")),
              "0.0083333333 for 0.0083333333 Hrs");
    EXPECT_EQ(total(records, request("2026-12-01", "2027-01-01")),
              "0.0083333333 for 0.0083333333 Hrs");
}

TEST(CostReport, only_what_lies_inside_the_period_counts) {
    const CostRequest day = request("2026-11-10", "2026-11-11");
    const std::tuple<const char*, const char*, const char*> table[]{
        {"2026-11-09", "2026-11-10", "0"},
        {"2026-11-11", "2026-11-12", "0"},
        {"2026-11-09T12:00:00Z", "2026-11-10T01:00:00Z", "0.01 for 1 Hrs"},
        {"2026-11-10T23:00:00Z", "2026-11-11T12:00:00Z", "0.01 for 1 Hrs"},
        {"2026-01-01", "2026-12-31", "0.24 for 24 Hrs"},
        {"2026-11-10", "2026-11-11", "0.24 for 24 Hrs"},
    };
    for (const auto& [started, ended, cost] : table)
        EXPECT_EQ(total({instance(started, ended)}, day), cost) << started << " to " << ended;
}

TEST(CostReport, what_runs_is_charged_until_now) {
    const CostRequest november = request("2026-11-01", "2026-12-01");
    const auto running = instance("2026-11-10T10:00:00Z", "");
    EXPECT_EQ(total({running}, november, "2026-11-10T12:00:00Z"), "0.02 for 2 Hrs");
    EXPECT_EQ(total({running}, november, "2026-11-10T10:00:00Z"),
              "0.0001666667 for 0.0166666667 Hrs")
        << "its first minute is due";
    EXPECT_EQ(total({running}, november, "2026-12-24"), "4.94 for 494 Hrs");
    EXPECT_EQ(total({volume(1, "2026-11-10", "")}, november, "2026-11-09"), "0")
        << "the clock was set back";
}

TEST(CostReport, what_is_stored_for_a_month_costs_the_rate_however_long_the_month_is) {
    const std::tuple<const char*, const char*, const char*> months[]{
        {"2026-02-01", "2026-03-01", "28 days"},
        {"2028-02-01", "2028-03-01", "29 days"},
        {"2026-11-01", "2026-12-01", "30 days"},
        {"2026-12-01", "2027-01-01", "31 days"},
    };
    for (const auto& [start, end, days] : months) {
        EXPECT_EQ(total({volume(10, "2020-01-01", "")}, request(start, end)), "0.8 for 10 GB-Mo")
            << days;
    }
}

TEST(CostReport, a_day_of_storage_is_its_share_of_the_actual_month) {
    const std::tuple<const char*, const char*, const char*> days[]{
        {"2026-02-27", "2026-02-28", "0.08 for 1 GB-Mo"},
        {"2028-02-28", "2028-02-29", "0.0772413793 for 0.9655172414 GB-Mo"},
        {"2028-02-29", "2028-03-01", "0.0772413793 for 0.9655172414 GB-Mo"},
        {"2026-03-01", "2026-03-02", "0.0722580645 for 0.9032258065 GB-Mo"},
    };
    for (const auto& [start, end, cost] : days)
        EXPECT_EQ(total({volume(28, "2020-01-01", "")}, request(start, end)), cost) << start;
}

TEST(CostReport, a_month_is_the_sum_of_its_days_and_of_its_hours) {
    const std::vector<UsageRecord> records{volume(7, "2026-02-03T04:05:06Z", "2026-02-20"),
                                           instance("2026-02-03T04:05:06Z", "2026-02-20")};
    const std::string month = total(records, request("2026-02-01", "2026-03-01"));
    EXPECT_EQ(month, "4.3757458333 for 4.2074479167 GB-Mo for 403.915 Hrs");
    for (const Granularity granularity : {Granularity::daily, Granularity::hourly}) {
        Decimal hours;
        for (const CostOfPeriod& part :
             cost_report(records, rates(), request("2026-02-01", "2026-03-01", granularity),
                         at("2026-03-01"))) {
            const auto found = part.total.quantities.find("Hrs");
            if (found != part.total.quantities.end()) hours = hours + found->second;
        }
        EXPECT_EQ(hours.str(), "403.915");
    }
}

TEST(CostReport, a_change_of_size_or_type_is_charged_from_its_second_on) {
    EXPECT_EQ(total({volume(10, "2026-11-01", "2026-11-16"), volume(20, "2026-11-16", "2026-12-01"),
                     volume(20, "2026-12-01", "", "io2")},
                    request("2026-11-01", "2026-12-01")),
              "1.2 for 15 GB-Mo");
    EXPECT_EQ(
        total({volume(8, "2026-11-01", "2026-11-16"), volume(8, "2026-11-16", "2026-12-01", "io2")},
              request("2026-11-01", "2026-12-01")),
        "0.82 for 8 GB-Mo");
}

TEST(CostReport, every_kind_has_its_own_rate) {
    const CostRequest november = request("2026-11-01", "2026-12-01");
    const auto stored = [&](UsageKind kind, const std::string& type) {
        return total({record(kind, type, Bytes::gibibytes(1), "2026-11-01", "2026-12-01")},
                     november);
    };
    EXPECT_EQ(stored(UsageKind::volume, "gp3"), "0.08 for 1 GB-Mo");
    EXPECT_EQ(stored(UsageKind::volume, "st1"), "0 for 1 GB-Mo") << "it has no rate";
    EXPECT_EQ(stored(UsageKind::snapshot, "snapshot"), "0.05 for 1 GB-Mo");
    EXPECT_EQ(stored(UsageKind::bundle, "bundle"), "0.023 for 1 GB-Mo");
    EXPECT_EQ(total({instance("2026-11-01", "2026-11-02", "m5.large")}, november), "24 for 24 Hrs")
        << "the default's rate";
}

TEST(CostReport, the_largest_volume_is_charged_to_the_byte) {
    EXPECT_EQ(
        total({volume(16384, "2026-11-01", "2026-12-01")}, request("2026-11-01", "2026-12-01")),
        "1310.72 for 16384 GB-Mo");
    EXPECT_EQ(total({record(UsageKind::snapshot, "snapshot", Bytes{1}, "2026-11-01", "2026-12-01")},
                    request("2026-11-01", "2026-12-01")),
              "0 for 0.0000000009 GB-Mo");
}

TEST(CostReport, periods_are_cut_at_full_hours_days_and_months) {
    const std::tuple<const char*, const char*, Granularity, std::vector<const char*>> table[]{
        {"2026-01-15",
         "2026-03-15",
         Granularity::monthly,
         {"2026-01-15", "2026-02-01", "2026-03-01", "2026-03-15"}},
        {"2026-12-01", "2027-01-01", Granularity::monthly, {"2026-12-01", "2027-01-01"}},
        {"2028-02-28",
         "2028-03-01",
         Granularity::daily,
         {"2028-02-28", "2028-02-29", "2028-03-01"}},
        {"2026-11-10T10:30:00Z",
         "2026-11-10T12:00:00Z",
         Granularity::hourly,
         {"2026-11-10T10:30:00Z", "2026-11-10T11:00:00Z", "2026-11-10T12:00:00Z"}},
        {"2026-11-10T10:10:00Z",
         "2026-11-10T10:20:00Z",
         Granularity::monthly,
         {"2026-11-10T10:10:00Z", "2026-11-10T10:20:00Z"}},
    };
    for (const auto& [start, end, granularity, edges] : table) {
        std::vector<TimePeriod> expected;
        for (std::size_t i = 1; i < edges.size(); ++i)
            expected.push_back({.start = at(edges[i - 1]), .end = at(edges[i])});
        EXPECT_EQ(split_period({.start = at(start), .end = at(end)}, granularity), expected)
            << start;
    }
    EXPECT_THAT(
        split_period({.start = at("2026-01-01"), .end = at("2026-01-01")}, Granularity::daily),
        IsEmpty());
}

TEST(CostReport, more_periods_than_a_report_has_are_refused) {
    const TimePeriod year{.start = at("2026-01-01"), .end = at("2027-01-01")};
    EXPECT_THAT(split_period(year, Granularity::daily), SizeIs(365));
    try {
        split_period(year, Granularity::hourly);
        FAIL() << "8760 hours";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "InvalidParameterValue");
        EXPECT_THAT(error.message(), testing::HasSubstr("a coarser granularity"));
    }
}

TEST(CostReport, a_group_for_each_combination_of_its_dimensions) {
    auto mine = volume(1, "2026-11-01", "2026-12-01");
    auto elsewhere = volume(2, "2026-11-01", "2026-12-01");
    elsewhere.usage.region = "lab-1";
    const auto running = instance("2026-11-10", "2026-11-11");
    const std::vector<UsageRecord> records{mine, elsewhere, running, mine};
    const auto groups = [&](std::vector<CostDimension> by) {
        const auto report =
            cost_report(records, rates(),
                        request("2026-11-01", "2026-12-01", Granularity::monthly, std::move(by)),
                        at("2026-12-01"));
        std::map<std::string, std::string> costs;
        for (const CostGroup& group : report.at(0).groups)
            costs.emplace(fmt::format("{}", fmt::join(group.keys, " ")), told(group.cost));
        return costs;
    };
    EXPECT_THAT(groups({}), ElementsAre(Pair("", "0.56 for 4 GB-Mo for 24 Hrs")));
    EXPECT_THAT(
        groups({CostDimension::resource_type}),
        ElementsAre(Pair("instance", "0.24 for 24 Hrs"), Pair("volume", "0.32 for 4 GB-Mo")));
    EXPECT_THAT(groups({CostDimension::region, CostDimension::usage_type}),
                ElementsAre(Pair("lab-1 EBS:VolumeUsage.gp3", "0.16 for 2 GB-Mo"),
                            Pair("local-1 BoxUsage:t3.micro", "0.24 for 24 Hrs"),
                            Pair("local-1 EBS:VolumeUsage.gp3", "0.16 for 2 GB-Mo")));
}

TEST(CostReport, a_period_without_usage_has_no_groups_but_everything_s) {
    const auto groups = [](std::vector<CostDimension> by) {
        return cost_report({}, rates(),
                           request("2026-11-01", "2026-12-01", Granularity::monthly, std::move(by)),
                           at("2026-12-01"))
            .at(0)
            .groups;
    };
    EXPECT_THAT(groups({CostDimension::region}), IsEmpty());
    EXPECT_THAT(groups({}), SizeIs(1));
}

TEST(CostReport, a_usage_is_told_in_the_words_of_cost_explorer) {
    Usage usage{.owner = AccountId("111111111111"),
                .region = "local-1",
                .resource_id = "vol-1",
                .kind = UsageKind::volume,
                .type = "gp3"};
    EXPECT_EQ(value_of(usage, CostDimension::resource_type), "volume");
    EXPECT_EQ(value_of(usage, CostDimension::resource_id), "vol-1");
    EXPECT_EQ(value_of(usage, CostDimension::linked_account), "111111111111");
    EXPECT_EQ(value_of(usage, CostDimension::region), "local-1");
    EXPECT_EQ(value_of(usage, CostDimension::usage_type), "EBS:VolumeUsage.gp3");
    usage.kind = UsageKind::snapshot;
    EXPECT_EQ(value_of(usage, CostDimension::usage_type), "EBS:SnapshotUsage");
    usage.kind = UsageKind::bundle;
    EXPECT_EQ(value_of(usage, CostDimension::usage_type), "TimedStorage-ByteHrs");
    usage.kind = UsageKind::instance;
    usage.type = "t3.micro";
    EXPECT_EQ(value_of(usage, CostDimension::usage_type), "BoxUsage:t3.micro");
}

}  // namespace

}  // namespace kiln::images
