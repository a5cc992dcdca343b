#include <gmock/gmock.h>

#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

class GarbageActionsTest : public ActionsTest {
  protected:
    /// The volume stands on a layer that only it needs.
    void put_layer_below(const std::string& volume) {
        const std::string snapshot =
            done("CreateSnapshot", {{"VolumeId", volume}}).text("//snapshotId");
        settle();
        done("DeleteSnapshot", {{"SnapshotId", snapshot}});
    }
};

TEST_F(GarbageActionsTest, a_dry_run_tells_what_becomes_of_each_layer_and_changes_nothing) {
    const std::string volume = new_volume();
    put_layer_below(volume);
    const auto files = file_count();

    Answer planned = done("CollectGarbage", {{"DryRun", "true"}});

    EXPECT_EQ(file_count(), files);
    EXPECT_THAT(planned.texts("//layerSet/item/action"), ElementsAre("merge", "keep", "keep"));
    EXPECT_THAT(planned.texts("//layerSet/item/reason"),
                Contains("the volume " + volume + " writes to it"));
    const std::string into = planned.text("//layerSet/item/intoLayerId");
    EXPECT_EQ(planned.text("//layerSet/item/reason"), "merged into " + into + ": only it needs it");
    EXPECT_EQ(planned.text("//layerSet/item/size"), planned.text("//freedSize"));
    EXPECT_THAT(done("CollectGarbage").texts("//layerSet/item/intoLayerId"), ElementsAre(into))
        << "what it did, and nothing of what is kept";
    EXPECT_EQ(file_count(), files - 1);
    EXPECT_THAT(done("CollectGarbage").texts("//layerSet/item"), IsEmpty());
}

TEST_F(GarbageActionsTest, what_is_in_use_is_kept_and_listed_with_who_uses_it) {
    const std::string instance = launch();
    put_layer_below(root_volume());

    const Answer answer = done("CollectGarbage");

    EXPECT_THAT(answer.texts("//layerSet/item/action"), ElementsAre("keep"));
    EXPECT_EQ(answer.text("//layerSet/item/reason"),
              "the running instance " + instance + " reads through it");
    EXPECT_EQ(answer.text("//freedSize"), "0");
    EXPECT_THAT(answer.texts("//intoLayerId"), IsEmpty());
}

TEST_F(GarbageActionsTest, only_administrators_collect_or_see_what_would_be) {
    put_layer_below(new_volume());
    const auto files = file_count();
    become_stranger();

    EXPECT_EQ(send("CollectGarbage").code, "UnauthorizedOperation");
    EXPECT_EQ(send("CollectGarbage", {{"DryRun", "true"}}).code, "UnauthorizedOperation");

    EXPECT_EQ(file_count(), files);
}

TEST_F(GarbageActionsTest, a_region_is_collected_by_itself) {
    put_layer_below(new_volume());
    done("CreateRegion", {{"Name", "local-2"}});
    go_to("local-2");

    EXPECT_THAT(done("CollectGarbage").texts("//layerSet/item"), IsEmpty());

    go_to("local-1");
    EXPECT_EQ(done("CollectGarbage").texts("//layerSet/item/layerId").size(), 1U);
}

}  // namespace

}  // namespace kiln::api::tests
