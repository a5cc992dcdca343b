#include "cli/output/version_graph.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <clocale>
#include <pugixml.hpp>

#include "cli/output/image_history.hpp"
#include "tests/golden.hpp"

namespace kiln::cli {

namespace {

/// The later, the newer.
Version version(const std::string& id, const std::string& parent, int order,
                const std::string& edge = "captured from i-1") {
    return {.id = id,
            .parent = parent,
            .order = std::to_string(1000 + order),
            .text = id,
            .edge = edge};
}

TEST(VersionGraph, of_one_alone_is_its_line_and_how_it_came_to_be) {
    EXPECT_EQ(version_graph({version("a", "", 1, "built from a recipe")}, false),
              "* a\n"
              "  built from a recipe\n");
    EXPECT_EQ(version_graph({version("a", "", 1, "")}, false), "* a\n");
    EXPECT_EQ(version_graph({}, false), "");
}

TEST(VersionGraph, of_a_line_goes_from_the_newest_to_the_oldest) {
    EXPECT_EQ(version_graph({version("a", "", 1, "built from a recipe"), version("b", "a", 2),
                             version("c", "b", 3, "copied")},
                            false),
              "* c\n"
              "| copied\n"
              "* b\n"
              "| captured from i-1\n"
              "* a\n"
              "  built from a recipe\n");
}

TEST(VersionGraph, of_a_fork_has_the_branch_with_the_newest_version_on_the_left) {
    EXPECT_EQ(version_graph({version("a", "", 1, ""), version("b", "a", 2), version("c", "a", 3),
                             version("b2", "b", 4)},
                            false),
              "* b2\n"
              "| captured from i-1\n"
              "* b\n"
              "| captured from i-1\n"
              "| * c\n"
              "|/  captured from i-1\n"
              "* a\n");
}

TEST(VersionGraph, of_copies_in_two_regions_joins_them_in_their_source) {
    EXPECT_EQ(
        version_graph({version("root", "", 1, "built from a recipe"), version("web", "root", 2),
                       version("web-east", "web", 3, "copied from local-1"),
                       version("web-west", "web", 4, "copied from local-1"),
                       version("west-2", "web-west", 5)},
                      false),
        "* west-2\n"
        "| captured from i-1\n"
        "* web-west\n"
        "| copied from local-1\n"
        "| * web-east\n"
        "|/  copied from local-1\n"
        "* web\n"
        "| captured from i-1\n"
        "* root\n"
        "  built from a recipe\n");
}

TEST(VersionGraph, of_a_wide_fork_needs_no_more_than_two_lanes) {
    std::vector<Version> versions{version("root", "", 0, "")};
    for (int i = 1; i <= 40; ++i)
        versions.push_back(version("v" + std::to_string(i), "root", i, "copied"));
    const std::string graph = version_graph(versions, false);
    EXPECT_TRUE(graph.starts_with("* v40\n| copied\n| * v39\n|/  copied\n| * v38\n|/  copied\n"))
        << graph;
    EXPECT_TRUE(graph.ends_with("| * v1\n|/  copied\n* root\n")) << graph;
    EXPECT_EQ(std::ranges::count(graph, '\n'), 81);
    EXPECT_EQ(graph.find("| | "), std::string::npos);
}

TEST(VersionGraph, of_forks_in_forks_opens_a_lane_for_each) {
    EXPECT_EQ(
        version_graph({version("a", "", 1, ""), version("b", "a", 9, ""), version("c", "a", 2, "c"),
                       version("d", "c", 4, "d"), version("e", "c", 3, "e")},
                      false),
        "* b\n"
        "| * d\n"
        "| | d\n"
        "| | * e\n"
        "| |/  e\n"
        "| * c\n"
        "|/  c\n"
        "* a\n");
}

TEST(VersionGraph, of_a_very_long_line_is_drawn_without_recursion) {
    constexpr int length = 5000;
    std::vector<Version> versions;
    for (int i = 0; i < length; ++i)
        versions.push_back(
            version(std::to_string(i), i == 0 ? "" : std::to_string(i - 1), i, "copied"));
    const std::string graph = version_graph(versions, false);
    EXPECT_TRUE(graph.starts_with("* 4999\n| copied\n* 4998\n")) << graph.substr(0, 100);
    EXPECT_TRUE(graph.ends_with("* 0\n  copied\n"));
    EXPECT_EQ(std::ranges::count(graph, '\n'), 2 * length);
}

TEST(VersionGraph, ends_a_branch_whose_parent_is_not_there) {
    EXPECT_EQ(version_graph({version("b", "gone", 1, "copied"), version("c", "b", 2)}, false),
              "* c\n"
              "| captured from i-1\n"
              "* b\n"
              "  copied\n");
}

TEST(VersionGraph, of_two_families_stands_one_below_the_other) {
    EXPECT_EQ(version_graph({version("a", "", 1, ""), version("b", "", 2, "")}, false),
              "* b\n* a\n");
}

TEST(VersionGraph, has_colors_only_when_it_is_asked_for_them) {
    std::vector<Version> versions{version("a", "", 1, ""), version("b", "a", 2)};
    versions.front().is_asked = true;
    EXPECT_EQ(version_graph(versions, true),
              "* b\n"
              "\033[31m|\033[0m \033[2mcaptured from i-1\033[0m\n"
              "* \033[1ma\033[0m\n");
    EXPECT_EQ(version_graph(versions, false).find('\033'), std::string::npos);
}

constexpr const char* family = R"(<DescribeImageFamilyResponse><relativeSet>
<item><imageId>ami-00000001</imageId><region>local-1</region></item>
<item><imageId>ami-00000002</imageId><region>local-1</region><name>web-v1</name>
 <imageState>deregistered</imageState><creationDate>2026-11-28T10:00:00.000Z</creationDate>
 <origin>capture</origin><sourceImageId>ami-00000001</sourceImageId>
 <sourceImageRegion>local-1</sourceImageRegion><sourceInstanceId>i-00000007</sourceInstanceId></item>
<item><imageId>ami-00000003</imageId><region>local-1</region><name>web-v2</name>
 <imageState>available</imageState><creationDate>2026-11-29T10:00:00.000Z</creationDate>
 <origin>capture</origin><sourceImageId>ami-00000002</sourceImageId>
 <sourceImageRegion>local-1</sourceImageRegion><volumeSize>8</volumeSize>
 <aliasSet><item>web:latest</item><item>web:v2</item></aliasSet></item>
<item><imageId>ami-00000004</imageId><region>local-2</region><name>web-v1</name>
 <imageState>available</imageState><creationDate>2026-11-28T11:00:00.000Z</creationDate>
 <origin>copy</origin><sourceImageId>ami-00000002</sourceImageId>
 <sourceImageRegion>local-1</sourceImageRegion><volumeSize>8</volumeSize></item>
<item><imageId>ami-00000005</imageId><region>local-1</region><name>web-s3</name>
 <imageState>available</imageState><creationDate>2026-11-28T12:00:00.000Z</creationDate>
 <origin>conversion</origin><sourceImageId>ami-00000002</sourceImageId>
 <sourceImageRegion>local-1</sourceImageRegion></item>
</relativeSet></DescribeImageFamilyResponse>)";

TEST(ImageHistory, is_told_in_words) {
    pugi::xml_document reply;
    ASSERT_TRUE(reply.load_string(family));
    kiln::tests::expect_golden(
        "history.txt", version_graph(versions_of(reply.first_child(), "ami-00000003"), false));
}

}  // namespace

}  // namespace kiln::cli
