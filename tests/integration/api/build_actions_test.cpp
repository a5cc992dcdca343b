#include <gmock/gmock.h>

#include "base/text.hpp"
#include "tests/integration/api/api_fixture.hpp"

namespace kiln::api::tests {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

/// Builds whose steps are faked.
class BuildActionsTest : public ApiFixture {
  protected:
    BuildActionsTest() { workshop().bases_are_empty = true; }

    static WirePairs recipe(const std::string& more = "") {
        return {{"RecipeText",
                 "base: tiny\nname: web-{date}\nsteps: [{run: {file: a.sh}, name: a}]\n" + more},
                {"Source.1.Name", "a.sh"},
                {"Source.1.Content", base64_encode("true")}};
    }
    std::vector<std::string> states_of_plan(const WirePairs& pairs) {
        return done("GetImageBuildPlan", pairs).texts("//stageSet/item/state");
    }
    std::string build(const WirePairs& pairs) {
        std::string image = done("BuildImage", pairs).text("//imageId");
        builder().wait_until_idle();
        return image;
    }
};

TEST_F(BuildActionsTest, a_recipe_comes_with_its_files_and_may_name_the_image) {
    const std::string image = build(recipe());

    const Answer described = done("DescribeImages", {{"ImageId.1", image}});
    EXPECT_EQ(described.text("//imageState"), "available") << described.printed();
    EXPECT_THAT(described.text("//imagesSet/item/name"), MatchesRegex("web-[0-9-]+"));
    EXPECT_THAT(workshop().done(), ElementsAre("base", "a"));
}

TEST_F(BuildActionsTest, the_request_s_name_goes_before_the_recipe_s) {
    WirePairs pairs = recipe();
    pairs.emplace_back("Name", "mine");
    const std::string image = build(pairs);
    EXPECT_EQ(done("DescribeImages", {{"ImageId.1", image}}).text("//imagesSet/item/name"), "mine");
}

TEST_F(BuildActionsTest, without_any_name_there_is_no_build) {
    EXPECT_EQ(send("BuildImage", {{"Recipe", "tiny"}}).code, "MissingParameter");
    EXPECT_EQ(send("BuildImage", {{"Name", "golden"}}).code, "MissingParameter");
}

TEST_F(BuildActionsTest, a_file_that_did_not_come_is_named) {
    const Answer answer = send("BuildImage", {recipe().front()});
    EXPECT_EQ(answer.code, "InvalidRecipe");
    EXPECT_THAT(answer.printed(), HasSubstr("the file 'a.sh' did not come with the recipe"));
}

TEST_F(BuildActionsTest, a_file_in_no_base64_is_refused) {
    WirePairs pairs = recipe();
    pairs.back().second = "***";
    EXPECT_EQ(send("BuildImage", pairs).code, "InvalidParameterValue");
}

TEST_F(BuildActionsTest, the_plan_says_which_stages_are_there_until_the_cache_is_cleared) {
    EXPECT_THAT(states_of_plan(recipe()), ElementsAre("to-be-run", "to-be-run"));
    build(recipe());
    EXPECT_THAT(states_of_plan(recipe()), ElementsAre("cached", "cached"));
    WirePairs fresh = recipe();
    fresh.emplace_back("Cache", "false");
    EXPECT_THAT(states_of_plan(fresh), ElementsAre("to-be-run", "to-be-run"));

    EXPECT_EQ(done("ClearBuildCache").text("//layers"), "2");
    EXPECT_THAT(states_of_plan(recipe()), ElementsAre("to-be-run", "to-be-run"));
}

TEST_F(BuildActionsTest, what_stays_of_a_failed_step_is_told) {
    workshop().fail("a", 1);
    WirePairs pairs = recipe();
    pairs.emplace_back("OnFailure", "keep");
    const std::string image = build(pairs);
    const Answer builds = done("DescribeImageBuilds", {{"ImageId.1", image}});
    EXPECT_EQ(builds.text("//state"), "failed");
    EXPECT_THAT(builds.text("//keptId"), MatchesRegex("snap-[0-9a-f]+"));
}

TEST_F(BuildActionsTest, what_is_said_over_a_recipe_does_not_change_an_image) {
    const Answer answer = send(
        "GetImageBuildPlan",
        {{"RecipeText", "base: {image: " + golden().str() + "}\n"}, {"Architecture", "arm64"}});
    EXPECT_EQ(answer.code, "InvalidRecipe");
}

}  // namespace

}  // namespace kiln::api::tests
