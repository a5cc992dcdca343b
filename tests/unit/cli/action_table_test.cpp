#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "api/action.hpp"
#include "base/text.hpp"
#include "cli/actions/run_action.hpp"
#include "cli/command.hpp"
#include "cli/help.hpp"
#include "cli/options/action_options.hpp"
#include "tests/golden.hpp"
#include "tests/unit/cli/sample_action.hpp"

namespace kiln::cli {

namespace {

/// Whether the path of SDK names leads to something in the shape.
bool has_path(const api::OutputShape& shape, const std::string& path) {
    const std::size_t dot = path.find('.');
    const auto field =
        std::ranges::find(shape.fields, path.substr(0, dot), &api::OutputField::name);
    if (field == shape.fields.end()) return false;
    if (dot == std::string::npos) return true;
    return field->shape && has_path(*field->shape, path.substr(dot + 1));
}

class EveryAction : public testing::TestWithParam<const api::Action*> {
  protected:
    const api::Action& action() const { return *GetParam(); }
};

TEST_P(EveryAction, takes_dry_run) {
    EXPECT_TRUE(std::ranges::any_of(action().parameters,
                                    [](const api::Parameter& p) { return p.name == "DryRun"; }));
}

TEST_P(EveryAction, has_options_with_different_names_and_help) {
    std::set<std::string> names;
    for (const Option& option : command_options(action())) {
        EXPECT_TRUE(names.insert(option.name).second) << option.name;
        if (!option.negative.empty()) {
            EXPECT_TRUE(names.insert(option.negative).second) << option.negative;
        }
        EXPECT_FALSE(option.help.empty()) << option.name;
    }
}

TEST_P(EveryAction, has_an_example_that_its_command_takes) {
    const std::string begin = "kiln " + to_kebab_case(action().name);
    ASSERT_TRUE(action().example.starts_with(begin)) << action().example;
    std::vector<std::string> words = split(action().example.substr(begin.size()), ' ');
    std::erase(words, "");
    words.erase(std::ranges::find(words, "|"), words.end());
    const bool needs_file = action().example.find("file://") != std::string::npos;
    const CommandLine line = parse_command_line(command_options(action()), words);
    if (needs_file) return;
    EXPECT_NO_THROW(request_pairs(action(), line)) << action().example;
}

TEST_P(EveryAction, has_a_table_of_fields_that_it_answers_with) {
    const api::Table& table = action().table;
    const std::string rows = table.rows.empty() ? "" : table.rows + ".";
    for (const std::string& column : table.columns)
        EXPECT_TRUE(has_path(*action().output, rows + column)) << rows + column;
}

TEST_P(EveryAction, has_a_waiter_that_asks_for_what_there_is) {
    if (!action().waiter) return;
    const api::Waiter& waiter = *action().waiter;
    const api::Action* asked = api::find_action(waiter.action);
    ASSERT_NE(asked, nullptr);
    EXPECT_TRUE(has_path(*asked->output, waiter.state));
    EXPECT_TRUE(waiter.reason.empty() || has_path(*asked->output, waiter.reason));
    EXPECT_TRUE(waiter.ids.empty() || has_path(*action().output, waiter.ids));
    const auto takes = [](const api::Action& one, const std::string& wire) {
        return std::ranges::find(one.parameters, wire, &api::Parameter::wire) !=
               one.parameters.end();
    };
    EXPECT_TRUE(takes(*asked, waiter.parameter));
    EXPECT_TRUE(waiter.request_ids.empty() || takes(action(), waiter.request_ids));
    EXPECT_NE(waiter.ids.empty(), waiter.request_ids.empty());
}

std::vector<const api::Action*> all_actions() {
    std::vector<const api::Action*> all;
    for (const api::Action& action : api::actions())
        all.push_back(&action);
    return all;
}

INSTANTIATE_TEST_SUITE_P(table, EveryAction, testing::ValuesIn(all_actions()),
                         [](const auto& test) { return test.param->name; });

TEST(Actions, are_sorted_and_found_by_name) {
    EXPECT_TRUE(std::ranges::is_sorted(api::actions(), {}, &api::Action::name));
    EXPECT_EQ(api::find_action("DescribeRegions")->name, "DescribeRegions");
    EXPECT_EQ(api::find_action("Nothing"), nullptr);
}

TEST(Commands, have_names_of_their_own) {
    const std::vector<std::string> names = command_names();
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST(Help, of_an_action_shows_its_options_and_its_example) {
    kiln::tests::expect_golden("action-help.txt", action_help(tests::sample_action()));
}

}  // namespace

}  // namespace kiln::cli
