#include <gtest/gtest.h>

#include <pugixml.hpp>
#include <sstream>

#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/output/structure.hpp"
#include "base/error.hpp"
#include "tests/golden.hpp"

namespace kiln::api {

namespace {

struct Disk {
    std::string device;
    std::int64_t size_gib;
};
struct Machine {
    std::string id;
    std::optional<std::string> description;
    bool is_public = false;
    std::optional<std::int64_t> code;
    std::optional<Disk> root;
    std::vector<Disk> disks;
    std::vector<std::string> groups;
    std::vector<images::Tag> tags;
};

Structure<Machine> machine_structure() {
    const auto disk = Structure<Disk>()
                          .text("DeviceName", "deviceName", [](const Disk& d) { return d.device; })
                          .integer("Size", "size", [](const Disk& d) { return d.size_gib; });
    return Structure<Machine>()
        .text("Id", "id", [](const Machine& m) { return m.id; })
        .text("Description", "description", [](const Machine& m) { return m.description; })
        .boolean("Public", "isPublic", [](const Machine& m) { return m.is_public; })
        .integer("Code", "code", [](const Machine& m) { return m.code; })
        .structure("Root", "root", disk, [](const Machine& m) { return m.root; })
        .list(
            "Disks", "diskSet", disk, [](const Machine& m) -> const auto& { return m.disks; })
        .text_list(
            "Groups", "groupSet", [](const Machine& m) -> const auto& { return m.groups; });
}

std::string xml_of(const Machine& machine) {
    XmlWriter xml;
    xml.open("machine");
    machine_structure().write(xml, machine);
    xml.close("machine");
    pugi::xml_document document;
    document.load_string(xml.take().c_str());
    std::ostringstream text;
    document.save(text, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text.str();
}

TEST(Structure, writes_each_field_by_its_wire_name) {
    tests::expect_golden("machine.xml", xml_of({.id = "m-1",
                                                .description = "a < b & \"c\" – ü",
                                                .is_public = true,
                                                .code = 16,
                                                .root = Disk{"/dev/sda1", 10},
                                                .disks = {{"/dev/sdb", 1}, {"/dev/sdc", 2}},
                                                .groups = {"one", "two"}}));
}

TEST(Structure, leaves_out_what_is_absent_but_writes_empty_lists) {
    tests::expect_golden("machine-empty.xml", xml_of({.id = "m-1"}));
}

TEST(Structure, tells_its_shape_in_the_order_of_its_declaration) {
    const auto shape = machine_structure().shape();

    ASSERT_EQ(shape->fields.size(), 7U);
    EXPECT_EQ(shape->fields[5].name, "Disks");
    EXPECT_EQ(shape->fields[5].kind, OutputKind::structure_list);
    EXPECT_EQ(shape->fields[5].shape->fields[0].name, "DeviceName");
}

FilterTable<Machine> machine_filters() {
    return FilterTable<Machine>(
        {{"machine-id", [](const Machine& m) { return std::vector{m.id}; }},
         {"group", [](const Machine& m) { return m.groups; }}},
        [](const Machine& m) -> const auto& { return m.tags; });
}

std::vector<std::string> matching(const std::vector<Filter>& filters) {
    std::vector<Machine> machines{
        {.id = "m-1", .groups = {"a", "b"}, .tags = {{"Name", "web"}, {"Env", "prod"}}},
        {.id = "m-2", .groups = {""}, .tags = {{"Name", "db*"}}},
        {.id = "m-3", .groups = {"b"}}};
    machine_filters().apply(filters, machines);
    std::vector<std::string> ids;
    for (const Machine& machine : machines)
        ids.push_back(machine.id);
    return ids;
}

struct FilterCase {
    const char* name;
    std::vector<Filter> filters;
    std::vector<std::string> ids;
};
class Filters : public testing::TestWithParam<FilterCase> {};

TEST_P(Filters, keep_what_matches_all_of_them) {
    EXPECT_EQ(matching(GetParam().filters), GetParam().ids);
}

INSTANTIATE_TEST_SUITE_P(
    table, Filters,
    testing::Values(FilterCase{"none", {}, {"m-1", "m-2", "m-3"}},
                    FilterCase{"by_value", {{"machine-id", {"m-2"}}}, {"m-2"}},
                    FilterCase{"any_value", {{"machine-id", {"m-2", "m-3"}}}, {"m-2", "m-3"}},
                    FilterCase{"star", {{"machine-id", {"m-*"}}}, {"m-1", "m-2", "m-3"}},
                    FilterCase{"star_of_what_is_there", {{"group", {"*"}}}, {"m-1", "m-3"}},
                    FilterCase{"question_mark", {{"machine-id", {"?-1"}}}, {"m-1"}},
                    FilterCase{"escaped_star", {{"tag:Name", {"db\\*"}}}, {"m-2"}},
                    FilterCase{"several_texts", {{"group", {"b"}}}, {"m-1", "m-3"}},
                    FilterCase{"all_filters", {{"group", {"b"}}, {"tag:Env", {"p*"}}}, {"m-1"}},
                    FilterCase{"tag_key", {{"tag-key", {"Name"}}}, {"m-1", "m-2"}},
                    FilterCase{"tag_value", {{"tag-value", {"prod"}}}, {"m-1"}},
                    FilterCase{"upper_case_differs", {{"machine-id", {"M-1"}}}, {}}),
    [](const auto& test) { return test.param.name; });

TEST(FilterNames, that_are_unknown_are_refused_with_the_nearest) {
    try {
        matching({{"machine-ids", {"x"}}});
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "InvalidParameterValue");
        EXPECT_EQ(error.message(),
                  "The filter 'machine-ids' is invalid; did you mean 'machine-id'?");
    }
}

TEST(FilterNames, the_values_of_one_filter_are_bounded) {
    std::vector<std::pair<std::string, std::string>> pairs{{"Filter.1.Name", "group"}};
    for (int i = 1; i <= 201; ++i)
        pairs.emplace_back("Filter.1.Value." + std::to_string(i), "x");
    const Arguments arguments = parse_arguments({filters_parameter()}, pairs);
    try {
        filters_of(arguments);
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "FilterLimitExceeded");
    }
}

Arguments page_arguments(const std::vector<std::pair<std::string, std::string>>& pairs) {
    return parse_arguments({max_results_parameter(),
                            next_token_parameter(),
                            {.name = "InstanceIds", .wire = "InstanceId", .list = true}},
                           pairs);
}

Page<std::string> page(const std::vector<std::pair<std::string, std::string>>& pairs,
                       std::vector<std::string> items) {
    return page_of<std::string>(page_arguments(pairs), std::move(items),
                                [](const std::string& item) { return item; });
}

std::vector<std::string> twelve_items() {
    return {"l", "k", "j", "i", "h", "g", "f", "e", "d", "c", "b", "a"};
}

TEST(Pages, everything_comes_at_once_when_no_page_is_asked_for) {
    const auto all = page({}, twelve_items());
    EXPECT_EQ(all.items.size(), 12U);
    EXPECT_EQ(all.next_token, std::nullopt);
}

TEST(Pages, follow_each_other_to_the_end) {
    const auto first = page({{"MaxResults", "5"}}, twelve_items());
    EXPECT_EQ(first.items, (std::vector<std::string>{"a", "b", "c", "d", "e"}));
    const auto second =
        page({{"MaxResults", "5"}, {"NextToken", first.next_token.value()}}, twelve_items());
    EXPECT_EQ(second.items.front(), "f");
    const auto third =
        page({{"MaxResults", "5"}, {"NextToken", second.next_token.value()}}, twelve_items());
    EXPECT_EQ(third.items, (std::vector<std::string>{"k", "l"}));
    EXPECT_EQ(third.next_token, std::nullopt);
}

TEST(Pages, do_not_shift_when_items_go_between_them) {
    const auto first = page({{"MaxResults", "5"}}, twelve_items());
    std::vector<std::string> fewer = twelve_items();
    std::erase(fewer, "e");
    std::erase(fewer, "a");
    const auto second = page({{"MaxResults", "5"}, {"NextToken", first.next_token.value()}}, fewer);
    EXPECT_EQ(second.items.front(), "f");
}

struct RefusedPage {
    const char* name;
    std::vector<std::pair<std::string, std::string>> pairs;
    const char* code;
};
class RefusedPages : public testing::TestWithParam<RefusedPage> {};

TEST_P(RefusedPages, have_the_code_of_ec2) {
    try {
        page(GetParam().pairs, twelve_items());
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), GetParam().code);
    }
}

INSTANTIATE_TEST_SUITE_P(
    table, RefusedPages,
    testing::Values(RefusedPage{"too_few", {{"MaxResults", "4"}}, "InvalidParameterValue"},
                    RefusedPage{"too_many", {{"MaxResults", "1001"}}, "InvalidParameterValue"},
                    RefusedPage{"with_ids",
                                {{"MaxResults", "5"}, {"InstanceId.1", "i-1"}},
                                "InvalidParameterCombination"},
                    RefusedPage{
                        "token_of_another", {{"NextToken", "bm9wZQ=="}}, "InvalidPaginationToken"},
                    RefusedPage{"token_no_base64", {{"NextToken", "%"}}, "InvalidPaginationToken"}),
    [](const auto& test) { return test.param.name; });

}  // namespace

}  // namespace kiln::api
