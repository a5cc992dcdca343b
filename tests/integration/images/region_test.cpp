#include "images/catalog/region.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using kiln::tests::error_message_of;
using testing::ElementsAre;
using testing::HasSubstr;

class RegionTest : public tests::CatalogFixture {
  protected:
    Region region(const std::string& name) const {
        return {.name = name,
                .pool = "regions/" + name,
                .libvirt_uri = "qemu:///system",
                .created = now(),
                .zones = {name + "b", name + "a"}};
    }
    void put(const Region& region) {
        write([&](Session& session) { put_region(session, region); });
    }
    std::string holdings(const std::string& region) {
        return read([&](Session& session) { return describe_holdings(session, region); });
    }
};

TEST_F(RegionTest, a_region_is_read_as_it_was_written) {
    put(region("local-2"));
    const auto found = read([](Session& session) { return find_region(session, "local-2"); });
    ASSERT_TRUE(found);
    EXPECT_EQ(found->pool, "regions/local-2");
    EXPECT_EQ(found->libvirt_uri, "qemu:///system");
    EXPECT_EQ(found->created, now());
    EXPECT_THAT(found->zones, ElementsAre("local-2b", "local-2a")) << "in the order as given";
    EXPECT_FALSE(read([](Session& session) { return find_region(session, "local-3"); }));
}

TEST_F(RegionTest, a_region_that_is_put_again_has_its_new_zones_and_its_old_age) {
    put(region("local-2"));
    Region changed = region("local-2");
    changed.zones = {"local-2c"};
    changed.created = now() + std::chrono::hours(1);
    put(changed);
    const auto regions = read([](Session& session) { return list_regions(session); });
    ASSERT_EQ(regions.size(), 1U);
    EXPECT_THAT(regions[0].zones, ElementsAre("local-2c"));
    EXPECT_EQ(regions[0].created, now());
}

TEST_F(RegionTest, names_zones_and_pools_belong_to_one_region) {
    put(region("local-2"));
    const auto refusal = [&](const Region& other) {
        return error_message_of(
            [&] { read([&](Session& session) { check_new_region(session, other); }); });
    };
    Region same_zone = region("local-3");
    same_zone.zones.emplace_back("local-2a");
    Region same_pool = region("local-3");
    same_pool.pool = "regions/local-2";
    EXPECT_THAT(refusal(region("local-2")), HasSubstr("already exists"));
    EXPECT_THAT(refusal(same_zone), HasSubstr("belongs to the region 'local-2'"));
    EXPECT_THAT(refusal(same_pool), HasSubstr("is the pool of the region 'local-2'"));
    EXPECT_EQ(refusal(region("local-3")), "");
}

TEST_F(RegionTest, what_a_region_holds_is_told_whoever_owns_it) {
    put(region("local-1"));
    EXPECT_EQ(holdings("local-1"), "");
    const Layer base = layer();
    Snapshot others = snapshot(base.id);
    others.owner = stranger().owner;
    write([&](Session& session) {
        insert_layer(session, base);
        insert_snapshot(session, snapshot(base.id));
        insert_snapshot(session, others);
        insert_image(session, image("golden"));
        insert_volume(session, volume());
    });
    EXPECT_EQ(holdings("local-1"), "1 image, 2 snapshots, 1 volume, 1 layer");
    EXPECT_EQ(holdings("local-2"), "");
}

TEST_F(RegionTest, a_deleted_region_takes_its_tombstones_along) {
    put(region("local-1"));
    Image gone = image("golden");
    gone.state = ImageState::deregistered;
    Instance ended = instance(gone.id);
    ended.state = InstanceState::terminated;
    Volume deleted = volume();
    deleted.state = VolumeState::deleted;
    write([&](Session& session) {
        insert_image(session, gone);
        insert_instance(session, ended);
        insert_volume(session, deleted);
    });
    EXPECT_EQ(holdings("local-1"), "");

    write([](Session& session) { delete_region(session, "local-1"); });

    EXPECT_FALSE(read([](Session& session) { return find_region(session, "local-1"); }));
    EXPECT_FALSE(read([&](Session& session) { return find_image(session, gone.id); }));
    EXPECT_FALSE(read([&](Session& session) { return find_instance(session, ended.id); }));
}

}  // namespace

}  // namespace kiln::images
