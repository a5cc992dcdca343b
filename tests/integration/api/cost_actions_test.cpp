#include <gmock/gmock.h>

#include "images/catalog/usage.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using images::UsageKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

/// An account that had a volume of 10 GiB all November and an instance for two hours of the 10th,
/// before there was anything else.
class CostActionsTest : public ActionsTest {
  protected:
    CostActionsTest() {
        const auto rate = [](const char* text) { return Decimal::parse(text).value(); };
        settings().rates = {.currency = "EUR",
                            .instance_hour = {{"t3.micro", rate("0.01")}},
                            .volume_gib_month = {{"gp3", rate("0.08")}}};
        insert({.resource = "vol-0000000a",
                .kind = UsageKind::volume,
                .type = "gp3",
                .size = Bytes::gibibytes(10),
                .started = "2022-11-01",
                .ended = "2022-12-01"});
        insert({.resource = "i-0000000b",
                .kind = UsageKind::instance,
                .type = "t3.micro",
                .started = "2022-11-10T10:00:00Z",
                .ended = "2022-11-10T12:00:00Z"});
    }

    struct Record {
        std::string resource;
        UsageKind kind;
        std::string type;
        Bytes size;
        const char* started;
        const char* ended;
        std::string region = "local-1";
        std::optional<AccountId> owner = {};  // else the caller
    };
    void insert(const Record& record) {
        write([&](Session& session) {
            images::meter_start(session,
                                {.owner = record.owner.value_or(caller().account),
                                 .region = record.region,
                                 .resource_id = record.resource,
                                 .kind = record.kind,
                                 .type = record.type,
                                 .size = record.size},
                                parse_time(record.started).value());
            images::meter_end(session, record.resource, parse_time(record.ended).value());
        });
    }
    static WirePairs period(const char* start, const char* end, WirePairs more = {}) {
        more.insert(more.end(), {{"TimePeriod.Start", start}, {"TimePeriod.End", end}});
        return more;
    }
    static WirePairs november(WirePairs more = {}) {
        return period("2022-11-01", "2022-12-01", std::move(more));
    }
    static WirePairs grouped_by(const char* key, WirePairs more = {}) {
        more.insert(more.end(), {{"GroupBy.1.Type", "DIMENSION"}, {"GroupBy.1.Key", key}});
        return more;
    }
    Answer report(const WirePairs& pairs) { return done("GetCostAndUsage", pairs); }
    std::vector<std::string> group_costs(const WirePairs& pairs) {
        return report(pairs).texts("//groups/item/metrics/blendedCost/amount");
    }
};

TEST_F(CostActionsTest, everything_of_a_month_is_one_group_and_the_total) {
    const Answer answer = report(november());
    EXPECT_THAT(answer.texts("//resultsByTime/item/timePeriod/start"), ElementsAre("2022-11-01"));
    EXPECT_THAT(answer.texts("//resultsByTime/item/timePeriod/end"), ElementsAre("2022-12-01"));
    EXPECT_THAT(answer.texts("//total/blendedCost/amount"), ElementsAre("0.82"));
    EXPECT_THAT(answer.texts("//total/blendedCost/unit"), ElementsAre("EUR"));
    EXPECT_THAT(answer.texts("//groups/item/metrics/blendedCost/amount"), ElementsAre("0.82"));
    EXPECT_THAT(answer.texts("//keys/item"), IsEmpty());
    EXPECT_THAT(answer.texts("//usageQuantity"), IsEmpty()) << "hours and GiB-months";
    EXPECT_THAT(answer.texts("//estimated"), ElementsAre("false")) << "it is over";
}

TEST_F(CostActionsTest, groups_tell_their_keys_costs_and_quantities) {
    const Answer answer = report(november(grouped_by(
        "RESOURCE_TYPE", {{"GroupBy.2.Type", "DIMENSION"}, {"GroupBy.2.Key", "USAGE_TYPE"}})));
    EXPECT_THAT(answer.texts("//keys/item"),
                ElementsAre("instance", "BoxUsage:t3.micro", "volume", "EBS:VolumeUsage.gp3"));
    EXPECT_THAT(answer.texts("//groups/item/metrics/blendedCost/amount"),
                ElementsAre("0.02", "0.8"));
    EXPECT_THAT(answer.texts("//groups/item/metrics/usageQuantity/amount"), ElementsAre("2", "10"));
    EXPECT_THAT(answer.texts("//groups/item/metrics/usageQuantity/unit"),
                ElementsAre("Hrs", "GB-Mo"));
    EXPECT_THAT(answer.texts("//groups/item/timePeriod/start"),
                ElementsAre("2022-11-01", "2022-11-01"));
}

TEST_F(CostActionsTest, administrators_see_all_accounts_and_others_their_own) {
    insert({.resource = "vol-0000000c",
            .kind = UsageKind::volume,
            .type = "gp3",
            .size = Bytes::gibibytes(5),
            .started = "2022-11-01",
            .ended = "2022-12-01",
            .owner = stranger().owner});
    const std::string own = caller().account.str();
    const std::string other = stranger().owner.str();
    const auto accounts = [&](const WirePairs& more) {
        return report(november(grouped_by("LINKED_ACCOUNT", more))).texts("//keys/item");
    };
    const auto only = [](const std::string& account) {
        return WirePairs{{"Filter.1.Name", "linked-account"}, {"Filter.1.Value.1", account}};
    };
    EXPECT_THAT(accounts({}), UnorderedElementsAre(own, other));
    EXPECT_THAT(accounts(only(other)), ElementsAre(other));
    EXPECT_THAT(report(november()).texts("//total/blendedCost/amount"), ElementsAre("1.22"));

    become_stranger();
    EXPECT_THAT(accounts({}), ElementsAre(other));
    EXPECT_THAT(accounts(only(own)), IsEmpty());
    EXPECT_THAT(report(november()).texts("//total/blendedCost/amount"), ElementsAre("0.4"));
}

TEST_F(CostActionsTest, every_dimension_groups) {
    const std::pair<const char*, std::vector<std::string>> table[]{
        {"RESOURCE_TYPE", {"instance", "volume"}},
        {"USAGE_TYPE", {"BoxUsage:t3.micro", "EBS:VolumeUsage.gp3"}},
        {"RESOURCE_ID", {"i-0000000b", "vol-0000000a"}},
        {"LINKED_ACCOUNT", {caller().account.str()}},
        {"REGION", {"local-1"}},
    };
    for (const auto& [key, values] : table)
        EXPECT_EQ(report(november(grouped_by(key))).texts("//keys/item"), values) << key;
}

TEST_F(CostActionsTest, a_granularity_cuts_the_period) {
    const Answer days = report(
        period("2022-11-10", "2022-11-12", grouped_by("USAGE_TYPE", {{"Granularity", "DAILY"}})));
    EXPECT_THAT(days.texts("//resultsByTime/item/timePeriod/start"),
                ElementsAre("2022-11-10", "2022-11-11"));
    EXPECT_THAT(days.texts("//keys/item"),
                ElementsAre("BoxUsage:t3.micro", "EBS:VolumeUsage.gp3", "EBS:VolumeUsage.gp3"));

    const Answer hours = report(period("2022-11-10T11:00:00Z", "2022-11-10T13:00:00Z",
                                       {{"Granularity", "HOURLY"},
                                        {"Filter.1.Name", "resource-type"},
                                        {"Filter.1.Value.1", "instance"}}));
    EXPECT_THAT(hours.texts("//resultsByTime/item/timePeriod/start"),
                ElementsAre("2022-11-10T11:00:00.000Z", "2022-11-10T12:00:00.000Z"));
    EXPECT_THAT(hours.texts("//total/blendedCost/amount"), ElementsAre("0.01", "0"));
}

TEST_F(CostActionsTest, filters_keep_what_matches_all_of_them) {
    const std::tuple<const char*, const char*, std::vector<std::string>> table[]{
        {"resource-type", "vol*", {"0.8"}},     {"resource-type", "bundle", {"0"}},
        {"usage-type", "BoxUsage:*", {"0.02"}}, {"resource-id", "i-0000000b", {"0.02"}},
        {"region", "local-?", {"0.82"}},        {"region", "mars", {"0"}},
        {"linked-account", "*", {"0.82"}},
    };
    for (const auto& [name, value, costs] : table) {
        EXPECT_EQ(group_costs(november({{"Filter.1.Name", name}, {"Filter.1.Value.1", value}})),
                  costs)
            << name << " " << value;
    }
    EXPECT_EQ(
        send("GetCostAndUsage", november({{"Filter.1.Name", "service"}, {"Filter.1.Value.1", "x"}}))
            .code,
        "InvalidParameterValue");
}

TEST_F(CostActionsTest, only_the_metrics_that_are_named_are_answered) {
    const WirePairs by_kind = november(grouped_by("RESOURCE_TYPE"));
    WirePairs cost = by_kind;
    cost.emplace_back("Metric.1", "BlendedCost");
    EXPECT_THAT(report(cost).texts("//groups/item/metrics/*/unit"), ElementsAre("EUR", "EUR"));
    WirePairs quantity = by_kind;
    quantity.emplace_back("Metric.1", "UsageQuantity");
    EXPECT_THAT(report(quantity).texts("//groups/item/metrics/*/unit"),
                ElementsAre("Hrs", "GB-Mo"));
}

TEST_F(CostActionsTest, all_regions_of_the_account_are_answered_and_no_other_account) {
    insert({.resource = "vol-0000000c",
            .kind = UsageKind::volume,
            .type = "gp3",
            .size = Bytes::gibibytes(1),
            .started = "2022-11-01",
            .ended = "2022-12-01",
            .region = "lab-1"});
    EXPECT_THAT(report(november(grouped_by("REGION"))).texts("//keys/item"),
                ElementsAre("lab-1", "local-1"));
    become_stranger();
    EXPECT_THAT(report(november(grouped_by("REGION"))).texts("//keys/item"), IsEmpty());
    EXPECT_THAT(group_costs(november()), ElementsAre("0"));
}

TEST_F(CostActionsTest, what_runs_now_is_in_the_report_of_this_month) {
    launch();
    const Answer answer = report(grouped_by("USAGE_TYPE"));
    EXPECT_THAT(answer.texts("//resultsByTime/item"), SizeIs(1));
    EXPECT_THAT(answer.texts("//estimated"), ElementsAre("true"));
    EXPECT_THAT(answer.texts("//keys/item"), testing::Contains("BoxUsage:t3.micro"));
}

TEST_F(CostActionsTest, requests_that_mean_nothing_are_refused_with_what_to_do) {
    const std::tuple<WirePairs, const char*, const char*> table[]{
        {{{"TimePeriod.Start", "2022-11-01"}}, "MissingParameter", "TimePeriod.End"},
        {period("2022-12-01", "2022-11-01"), "InvalidParameterValue", "before end date"},
        {period("2022-11-01", "2022-11-01"), "InvalidParameterValue", "before end date"},
        {period("yesterday", "2022-11-01"), "InvalidParameterValue", "a date like 2026-11-01"},
        {period("2022-02-29", "2022-11-01"), "InvalidParameterValue", "TimePeriod.Start"},
        {period("2022-11-01", "2022-11-02T01:00:00Z"), "InvalidParameterValue", "HOURLY"},
        {period("2022-01-01", "2022-12-01", {{"Granularity", "HOURLY"}}), "InvalidParameterValue",
         "a coarser granularity"},
        {{{"Granularity", "WEEKLY"}}, "InvalidParameterValue", "DAILY, HOURLY, MONTHLY"},
        {grouped_by("SERVICE"), "InvalidParameterValue", "USAGE_TYPE"},
        {grouped_by("REGION", {{"GroupBy.2.Type", "TAG"}, {"GroupBy.2.Key", "REGION"}}),
         "InvalidParameterValue", "DIMENSION"},
        {grouped_by("REGION", {{"GroupBy.2.Type", "DIMENSION"}, {"GroupBy.2.Key", "REGION"}}),
         "InvalidParameterValue", "given twice"},
        {grouped_by("REGION", {{"GroupBy.2.Type", "DIMENSION"},
                               {"GroupBy.2.Key", "USAGE_TYPE"},
                               {"GroupBy.3.Type", "DIMENSION"},
                               {"GroupBy.3.Key", "RESOURCE_ID"}}),
         "InvalidParameterValue", "at most 2 keys"},
        {{{"Metric.1", "Profit"}}, "InvalidParameterValue", "BlendedCost"},
    };
    for (const auto& [pairs, code, message] : table) {
        const Answer answer = send("GetCostAndUsage", pairs);
        EXPECT_EQ(answer.code, code) << answer.printed();
        EXPECT_THAT(answer.text("//Message"), HasSubstr(message));
    }
}

}  // namespace

}  // namespace kiln::api::tests
