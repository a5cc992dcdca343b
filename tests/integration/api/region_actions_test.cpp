#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RegionActionsTest : public ActionsTest {
  protected:
    std::vector<std::string> regions() {
        return done("DescribeRegions").texts("//regionInfo/item/regionName");
    }
    std::string message_of(const std::string& action, const WirePairs& pairs) {
        return send(action, pairs).text("/Response/Errors/Error/Message");
    }
    std::filesystem::path pool_of(const std::string& region) const {
        return directory() / "regions" / region;
    }
};

TEST_F(RegionActionsTest, a_region_has_the_pool_and_the_zones_that_it_was_given) {
    const std::string pool = directory() / "elsewhere/pool";
    done("CreateRegion",
         {{"Name", "local-2"}, {"Pool", pool}, {"Zone.1", "local-2x"}, {"Zone.2", "local-2y"}});

    EXPECT_THAT(regions(), ElementsAre("local-1", "local-2"));
    EXPECT_TRUE(std::filesystem::is_directory(pool));
    EXPECT_EQ(std::filesystem::status(directory() / "elsewhere").permissions(),
              std::filesystem::perms(0711))
        << "QEMU passes through what was made on the way, too";
    go_to("local-2");
    EXPECT_THAT(done("DescribeAvailabilityZones").texts("//zoneName"),
                ElementsAre("local-2x", "local-2y"));
}

TEST_F(RegionActionsTest, what_is_made_in_a_region_is_seen_there_alone_and_lies_in_its_pool) {
    done("CreateRegion", {{"Name", "local-2"}});
    go_to("local-2");
    EXPECT_THAT(done("DescribeImages", images_alone()).texts("//imageId"), IsEmpty());
    done("CreateVolume", {{"AvailabilityZone", "local-2a"}, {"Size", "1"}});
    settle();

    EXPECT_EQ(done("DescribeVolumes").texts("//volumeSet/item/volumeId").size(), 1U);
    EXPECT_FALSE(std::filesystem::is_empty(pool_of("local-2")));
    EXPECT_EQ(send("CreateVolume", {{"AvailabilityZone", "local-1a"}, {"Size", "1"}}).code,
              "InvalidZone.NotFound");
    go_to("local-1");
    EXPECT_THAT(done("DescribeVolumes").texts("//volumeSet/item/volumeId"), IsEmpty());
}

TEST_F(RegionActionsTest, a_region_goes_when_it_is_empty_and_not_before) {
    done("CreateRegion", {{"Name", "local-2"}});
    go_to("local-2");
    const std::string volume =
        done("CreateVolume", {{"AvailabilityZone", "local-2a"}, {"Size", "1"}}).text("//volumeId");
    settle();
    EXPECT_THAT(message_of("DeleteRegion", {{"Name", "local-2"}}),
                HasSubstr("holds 1 volume, 1 layer: delete them first"));

    done("DeleteVolume", {{"VolumeId", volume}});
    settle();
    done("DeleteRegion", {{"Name", "local-2"}});

    EXPECT_THAT(regions(), ElementsAre("local-1"));
    EXPECT_FALSE(std::filesystem::exists(pool_of("local-2")));
    EXPECT_EQ(send("DeleteRegion", {{"Name", "local-2"}}).code, "InvalidParameterValue");
    done("CreateRegion", {{"Name", "local-2"}});
    EXPECT_TRUE(std::filesystem::is_directory(pool_of("local-2")));
}

TEST_F(RegionActionsTest, refusals_say_what_is_wrong_and_leave_nothing) {
    done("CreateRegion", {{"Name", "local-2"}});
    const std::string file = directory() / "file";
    write_file_atomically(file, "", 0600);
    const std::vector<std::pair<WirePairs, const char*>> refusals{
        {{{"Name", "local-2"}}, "already exists"},
        {{{"Name", "Local 3"}}, "lower-case letters"},
        {{{"Name", "-3"}}, "lower-case letters"},
        {{{"Name", "local-3"}, {"Zone.1", "../x"}}, "lower-case letters"},
        {{{"Name", "local-3"}, {"Zone.1", "local-2a"}}, "belongs to the region 'local-2'"},
        {{{"Name", "local-3"}, {"Pool", "relative"}}, "absolute path"},
        {{{"Name", "local-3"}, {"Pool", pool_of("local-2").string()}},
         "is the pool of the region 'local-2'"},
        {{{"Name", "local-3"}, {"Pool", (directory() / "layers").string()}},
         "is the pool of the region 'local-1'"},
        {{{"Name", "local-3"}, {"Pool", file}}, "Not a directory"},
    };
    for (const auto& [request, why] : refusals)
        EXPECT_THAT(message_of("CreateRegion", request), HasSubstr(why));
    EXPECT_THAT(regions(), ElementsAre("local-1", "local-2"));
    EXPECT_FALSE(std::filesystem::exists(pool_of("local-3")));
    EXPECT_THAT(message_of("DeleteRegion", {{"Name", "local-1"}}), HasSubstr("service's own"));
    EXPECT_THAT(message_of("DescribeRegions", {{"RegionName.1", "mars"}}),
                HasSubstr("Invalid region: [mars]"));
}

TEST_F(RegionActionsTest, regions_are_for_administrators_to_make_and_for_all_to_see) {
    become_stranger();
    EXPECT_EQ(send("CreateRegion", {{"Name", "local-2"}}).code, "UnauthorizedOperation");
    EXPECT_EQ(send("DeleteRegion", {{"Name", "local-1"}}).code, "UnauthorizedOperation");
    EXPECT_THAT(regions(), ElementsAre("local-1"));
}

}  // namespace

}  // namespace kiln::api::tests
