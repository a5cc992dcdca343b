#include <thread>

#include "images/layers/chain.hpp"
#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

namespace {

using images::SnapshotState;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class ChainTest : public VolumesFixture {
  protected:
    std::size_t depth_of(const VolumeId& id) {
        return read([&](Session& session) {
            return images::layer_chain(session, caller().region,
                                       images::find_volume(session, id)->layer.value())
                .size();
        });
    }
};

TEST_F(ChainTest, however_many_captures_there_are_each_keeps_its_state_and_none_is_deep) {
    const VolumeId id = create_empty();
    std::vector<SnapshotId> snapshots;
    for (int i = 0; i < 40; ++i) {
        write_to(id, "state" + std::to_string(100 + i));
        snapshots.push_back(snap(id));
        ASSERT_LE(depth_of(id), images::max_chain_depth);
    }
    for (const int i : {0, 7, 14, 15, 16, 30, 39}) {
        const VolumeId copy = create({.snapshot = snapshots.at(static_cast<std::size_t>(i))});
        EXPECT_THAT(content_of(copy), HasSubstr("state" + std::to_string(100 + i)));
        EXPECT_LE(depth_of(copy), images::max_chain_depth);
        launcher().delete_volume(caller(), copy);
    }
    settle();
    for (std::size_t i = 0; i + 1 < snapshots.size(); ++i)
        launcher().delete_snapshot(caller(), snapshots.at(i));
    EXPECT_LE(file_count(), images::max_chain_depth + 1) << "and the golden image's";
    EXPECT_THAT(content_of(create({.snapshot = snapshots.back()})), HasSubstr("state139"));
}

TEST_F(ChainTest, the_chain_of_a_running_guest_is_pulled_short_once_it_is_long) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    while (depth_of(id) < images::long_chain_depth)
        snap(id);
    EXPECT_THAT(host().calls(), Not(Contains("start_pull " + instance.str())));
    snap(id);
    EXPECT_THAT(host().calls(), Contains("start_pull " + instance.str()));
    EXPECT_LE(depth_of(id), images::short_chain_depth);
    EXPECT_EQ(pool().parent_of(volume_now(id).layer.value()), read([&](Session& session) {
                  return images::find_layer(session, caller().region, volume_now(id).layer.value())
                      ->parent;
              }));
}

TEST_F(ChainTest, a_pull_gives_way_to_a_stop_and_leaves_the_chain_as_it_was) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    while (depth_of(id) < images::long_chain_depth)
        snap(id);
    host().hold_pulls();
    launcher().create_snapshot(caller(), {.volume = id});
    while (!host().is_pulling(instance.str(), launcher::serial_of(id)))
        std::this_thread::yield();

    stop(instance);
    EXPECT_THAT(host().calls(), Contains("cancel_pull " + instance.str()));
    EXPECT_EQ(state(instance), images::InstanceState::stopped);
    EXPECT_EQ(depth_of(id), images::long_chain_depth + 1);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(ChainTest, a_volume_of_a_deep_image_shares_its_layers_until_it_is_captured) {
    const VolumeId id = create_empty();
    while (depth_of(id) < images::max_chain_depth)
        snap(id);
    const InstanceId instance = run_one();
    attach(id, instance);
    stop_service();
    start_service();
    EXPECT_THAT(host().calls(), Not(Contains("start_pull " + instance.str())));
    snap(id);
    EXPECT_THAT(host().calls(), Contains("start_pull " + instance.str()));
    EXPECT_LE(depth_of(id), images::max_chain_depth);
}

TEST_F(ChainTest, a_pull_without_effect_fails_the_capture_at_the_bound_and_says_so) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    while (depth_of(id) < images::max_chain_depth)
        snap(id);
    attach(id, instance);
    host().let_pulls_fail();
    const SnapshotId snapshot = snap(id);
    EXPECT_EQ(snapshot_now(snapshot).state, SnapshotState::error);
    EXPECT_THAT(snapshot_now(snapshot).state_message, HasSubstr("ended without effect"));
    EXPECT_EQ(depth_of(id), images::max_chain_depth);
}

TEST_F(ChainTest, a_pull_that_ended_while_no_service_ran_is_learned_of) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    while (depth_of(id) < images::long_chain_depth)
        snap(id);
    const auto chain = read([&](Session& session) {
        return images::layer_chain(session, caller().region, volume_now(id).layer.value());
    });
    stop_service();
    host().start_pull(instance.str(), launcher::serial_of(id), pool().path_of(chain.at(9).id));
    start_service();
    EXPECT_EQ(depth_of(id), 4U) << "the top, and three from the new base down";
}

}  // namespace

}  // namespace kiln::tests
