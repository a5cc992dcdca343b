#include <gmock/gmock.h>

#include <clocale>
#include <nlohmann/json.hpp>

#include "api/client/client.hpp"
#include "cli/actions/waiter.hpp"
#include "cli/output/field_path.hpp"
#include "cli/output/json.hpp"
#include "cli/output/table.hpp"
#include "cli/output/text_width.hpp"
#include "tests/golden.hpp"

namespace kiln::cli {

namespace {

using testing::ElementsAre;

struct Thing {};

/// The shape of the canned response; nothing is ever written by it.
std::shared_ptr<const api::OutputShape> things_shape() {
    const auto none = [](const Thing&) { return std::string(); };
    const auto number = [](const Thing&) { return std::int64_t{0}; };
    const auto tag = api::Structure<Thing>().text("Key", "key", none).text("Value", "value", none);
    const auto state =
        api::Structure<Thing>().integer("Code", "code", number).text("Name", "name", none);
    const auto nothing = [](const Thing&) { return std::vector<Thing>(); };
    const auto thing =
        api::Structure<Thing>()
            .text("ThingId", "thingId", none)
            .text("Name", "name", none)
            .structure("State", "thingState", state, [](const Thing&) { return Thing(); })
            .boolean("Public", "isPublic", [](const Thing&) { return false; })
            .integer("Size", "size", number)
            .text_list("Groups", "groupSet",
                       [](const Thing&) { return std::vector<std::string>(); })
            .list("Tags", "tagSet", tag, nothing)
            .encoded_text("Output", "output", none);
    return api::Structure<Thing>()
        .list("Things", "thingSet", thing, nothing)
        .text("NextToken", "nextToken", none)
        .shape();
}

constexpr const char* canned =
    "<DescribeThingsResponse xmlns='x'><requestId>r</requestId><thingSet>"
    "<item><thingId>t-1</thingId><name>a \"b\" \\ &lt;ü&gt;\x7f</name>"
    "<thingState><code>16</code><name>running</name></thingState><isPublic>true</isPublic>"
    "<size>10</size><groupSet><item>one</item><item>two</item></groupSet>"
    "<tagSet><item><key>k</key><value> </value></item><item><key>l</key><value>w</value></item>"
    "</tagSet><output>bG9naW46DQr/</output></item>"
    "<item><thingId>t-2</thingId><name>日本語</name>"
    "<thingState><code>80</code><name>stopped</name></thingState><isPublic>false</isPublic>"
    "<size></size><groupSet/><tagSet/><unknown>x</unknown></item>"
    "</thingSet></DescribeThingsResponse>";

api::Action things_action() {
    return {.name = "DescribeThings",
            .table = {.rows = "Things",
                      .columns = {"ThingId", "Name", "State.Name", "Size", "Groups", "Tags"}},
            .output = things_shape()};
}

class Output : public testing::Test {
  protected:
    Output() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
    pugi::xml_node root() const { return reply_.root(); }

    api::Reply reply_{canned};
};

TEST_F(Output, is_json_with_the_names_and_types_of_sdks) {
    tests::expect_golden("things.json", json_of(root(), *things_shape()));
}

TEST_F(Output, is_json_that_a_parser_takes) {
    const auto json = nlohmann::json::parse(json_of(root(), *things_shape()));
    EXPECT_EQ(json["Things"][0]["Name"], "a \"b\" \\ <ü>\x7f");
    EXPECT_EQ(json["Things"][0]["Tags"][0]["Value"], " ");
    EXPECT_EQ(json["Things"][0]["Output"], "login:\r\n?");
    EXPECT_EQ(json["Things"][1]["Tags"], nlohmann::json::array());
}

TEST_F(Output, of_large_responses_comes_in_parts_that_make_up_the_whole) {
    std::string xml = "<R><thingSet>";
    for (int i = 0; i < 5'000; ++i)
        xml += "<item><thingId>t-" + std::to_string(i) + "</thingId></item>";
    const api::Reply reply(xml + "</thingSet></R>");
    std::string whole;
    std::size_t parts = 0;
    print_json(reply.root(), *things_shape(), [&](std::string_view part) {
        whole += part;
        ++parts;
    });
    EXPECT_GT(parts, 1U);
    EXPECT_EQ(nlohmann::json::parse(whole)["Things"].size(), 5'000U);
}

TEST_F(Output, is_tab_separated_text) {
    tests::expect_golden("things.txt", text_of(rows_of(things_action(), root())));
}

TEST_F(Output, is_a_table_whose_columns_are_aligned_also_for_wide_characters) {
    tests::expect_golden("things.table", table_of(rows_of(things_action(), root()), std::nullopt));
}

TEST_F(Output, of_costs_is_a_table_with_a_row_for_each_period_and_group) {
    const auto group = [](const std::string& start, const std::string& end, const std::string& kind,
                          const std::string& metrics) {
        return "<item><timePeriod><start>" + start + "</start><end>" + end +
               "</end></timePeriod><keys><item>" + kind +
               "</item><item>local-1</item></keys><metrics>" + metrics + "</metrics></item>";
    };
    const api::Reply reply(
        "<GetCostAndUsageResponse><resultsByTime><item><groups>" +
        group("2026-10-01", "2026-11-01", "instance",
              "<blendedCost><amount>7.7376</amount><unit>USD</unit></blendedCost>"
              "<usageQuantity><amount>744</amount><unit>Hrs</unit></usageQuantity>") +
        group("2026-10-01", "2026-11-01", "volume",
              "<blendedCost><amount>0.08</amount><unit>USD</unit></blendedCost>"
              "<usageQuantity><amount>1</amount><unit>GB-Mo</unit></usageQuantity>") +
        "</groups></item><item><groups>" +
        group("2026-11-01", "2026-11-24", "instance",
              "<blendedCost><amount>0</amount><unit>USD</unit></blendedCost>") +
        "</groups></item></resultsByTime></GetCostAndUsageResponse>");

    tests::expect_golden(
        "costs.table",
        table_of(rows_of(*api::find_action("GetCostAndUsage"), reply.root()), std::nullopt));
}

TEST_F(Output, is_a_table_that_fits_the_terminal) {
    const Rows rows{.headings = {"Id", "Description", "State"},
                    .cells = {{"t-1", std::string(100, 'd'), "running"}}};
    const std::string table = table_of(rows, 60);
    EXPECT_EQ(text_width(table.substr(table.find('\n') + 1)) - 1, 60U);
    EXPECT_THAT(table, testing::HasSubstr("d…  running\n"));
}

TEST_F(Output, without_rows_a_table_still_has_its_headings) {
    EXPECT_EQ(table_of({.headings = {"A", "B"}, .cells = {}}, std::nullopt), "A  B\n");
    EXPECT_EQ(text_of({.headings = {"A", "B"}, .cells = {}}), "");
}

TEST_F(Output, does_not_let_control_characters_reach_the_terminal) {
    const Rows rows{.headings = {"A", "B"}, .cells = {{"\x1b[31mred", "x\ny"}}};
    EXPECT_EQ(table_of(rows, std::nullopt), "A         B\n [31mred  x y\n");
}

TEST_F(Output, that_is_one_text_of_many_lines_is_printed_as_it_is) {
    const Rows rows{.headings = {"Output"}, .cells = {{"line 1\nline 2\n"}}};
    EXPECT_EQ(text_of(rows), "line 1\nline 2\n");
    EXPECT_EQ(table_of(rows, 80), "line 1\nline 2\n");
}

TEST_F(Output, of_an_action_that_only_says_that_it_was_done_is_empty) {
    const api::Reply reply("<R><return>true</return></R>");
    const api::Action action{.name = "CreateTags", .output = api::done_structure().shape()};
    EXPECT_EQ(table_of(rows_of(action, reply.root()), std::nullopt), "");
    EXPECT_EQ(text_of(rows_of(action, reply.root())), "");
    EXPECT_EQ(json_of(reply.root(), *action.output), "{\n    \"Return\": true\n}\n");
}

TEST_F(Output, of_an_action_without_a_table_shows_the_fields_of_its_list) {
    const api::Action action{.name = "X", .output = things_shape()};
    EXPECT_THAT(rows_of(action, root()).headings,
                ElementsAre("ThingId", "Name", "Public", "Size", "Output"));
}

TEST_F(Output, is_found_by_paths_through_lists) {
    EXPECT_THAT(texts_at(root(), *things_shape(), "Things.State.Name"),
                ElementsAre("running", "stopped"));
    EXPECT_THAT(texts_at(root(), *things_shape(), "Things.Groups"), ElementsAre("one", "two"));
    EXPECT_THAT(texts_at(root(), *things_shape(), "Things.Nothing.Name"), ElementsAre());
}

api::Waiter waiter() {
    return {.action = "DescribeThings",
            .parameter = "ThingId",
            .ids = "Things.ThingId",
            .state = "Things.State.Name",
            .wanted = "running",
            .failed = {"terminated"},
            .reason = "Things.Name"};
}

std::string things_in(const std::vector<std::string>& states) {
    std::string xml = "<R><thingSet>";
    for (const std::string& state : states)
        xml += "<item><name>why</name><thingState><name>" + state + "</name></thingState></item>";
    return xml + "</thingSet></R>";
}

WaitState state_with(const std::vector<std::string>& states) {
    const api::Reply reply(things_in(states));
    return wait_state(waiter(), 2, reply.root(), *things_shape());
}

TEST(Waiting, ends_when_all_are_in_the_state) {
    EXPECT_TRUE(state_with({"running", "running"}).done);
}

TEST(Waiting, goes_on_while_one_is_not_there_yet_or_not_listed) {
    EXPECT_FALSE(state_with({"running", "pending"}).done);
    EXPECT_EQ(state_with({"running", "pending"}).text, "pending, running");
    EXPECT_FALSE(state_with({"running"}).done);
    EXPECT_FALSE(state_with({}).done);
}

TEST(Waiting, fails_with_the_reason_when_one_will_not_come) {
    const WaitState state = state_with({"running", "terminated"});
    EXPECT_TRUE(state.failed);
    EXPECT_EQ(state.text, "it is terminated: why");
}

TEST(Waiting, is_for_the_ids_of_the_response_or_of_the_request) {
    const api::Reply reply(canned);
    api::Action action{.name = "X", .waiter = waiter(), .output = things_shape()};
    EXPECT_THAT(waited_ids(action, {}, reply.root()), ElementsAre("t-1", "t-2"));
    action.waiter->ids.clear();
    action.waiter->request_ids = "ThingId";
    EXPECT_THAT(waited_ids(action, {{"ThingId.1", "t-8"}, {"ThingIdX", "no"}, {"ThingId.2", "t-9"}},
                           reply.root()),
                ElementsAre("t-8", "t-9"));
}

}  // namespace

}  // namespace kiln::cli
