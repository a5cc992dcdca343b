#include <future>

#include "tests/integration/launcher/garbage_fixture.hpp"

namespace kiln::tests {

namespace {

using images::InstanceState;
using ::testing::AnyOf;

class GarbageExclusionTest : public GarbageFixture {};

TEST_F(GarbageExclusionTest, while_somebody_reads_the_chains_a_merge_gives_up_and_leaves_nothing) {
    const VolumeId id = volume_of_two_layers();
    {
        const auto reading = guard().read();
        EXPECT_EQ(why_kept(collect()), "the region's chains are being read all the time");
    }
    EXPECT_EQ(chain_of(id).size(), 2U);
    expect_sound();
}

TEST_F(GarbageExclusionTest, a_layer_that_is_needed_while_it_is_merged_is_kept) {
    const LayerId upper = frozen_with_one_below();
    const LayerId lower = pool().parent_of(upper).value();
    auto reading = guard().read();
    auto collection = std::async(std::launch::async, [&] { return collect(); });
    wait_until_prepared(upper);
    write([&](Session& session) { images::insert_snapshot(session, snapshot(lower)); });
    reading.reset();

    EXPECT_EQ(why_kept(collection.get()), "it is needed since");
    EXPECT_EQ(pool().parent_of(upper), lower);
    expect_sound();
}

TEST_F(GarbageExclusionTest, an_instance_that_is_started_while_its_volume_is_merged_is_waited_for) {
    const InstanceId instance = run_one();
    const VolumeId id = root_of_two_layers(instance);
    stop(instance);
    auto reading = guard().read();
    auto collection = std::async(std::launch::async, [&] { return collect(); });
    wait_until_prepared(top_of(id));
    launcher().start_instances(caller(), {instance});
    reading.reset();

    EXPECT_THAT(why_kept(collection.get()),
                AnyOf("the pending instance " + instance.str() + " reads through it",
                      "its volume or its instance is wanted"));
    settle();
    EXPECT_EQ(state(instance), InstanceState::running);
    EXPECT_EQ(host().spec(instance.str()).disks.at(0).chain.size(), 3U);
    expect_sound();
}

TEST_F(GarbageExclusionTest, a_merge_gives_way_to_a_job_that_has_the_volume) {
    const VolumeId id = volume_of_two_layers();
    auto exclusion = guard().try_exclude(std::chrono::milliseconds(0));
    const SnapshotId taken = launcher().create_snapshot(caller(), {.volume = id}).id;
    auto collection = std::async(std::launch::async, [&] { return collect(); });
    EXPECT_EQ(collection.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
    exclusion.reset();

    collection.get();  // its merge is behind the capture, and is not worth waiting for
    settle();
    EXPECT_EQ(snapshot_now(taken).state, images::SnapshotState::completed);
    collect();
    EXPECT_EQ(chain_of(id).size(), 2U) << "the snapshot's layer stays";
    expect_sound();
}

TEST_F(GarbageExclusionTest, whoever_boots_waits_until_a_merge_has_put_its_file_into_place) {
    const InstanceId instance = run_one();
    stop(instance);
    auto exclusion = guard().try_exclude(std::chrono::milliseconds(0));
    launcher().start_instances(caller(), {instance});
    EXPECT_EQ(host().domain_count(), 0U);
    exclusion.reset();
    settle();
    EXPECT_EQ(state(instance), InstanceState::running);
}

TEST_F(GarbageExclusionTest, two_collections_at_once_are_one_too_many) {
    const VolumeId id = volume_of_two_layers();
    auto reading = guard().read();
    auto collection = std::async(std::launch::async, [&] { return collect(); });
    wait_until_prepared(top_of(id));

    EXPECT_EQ(error_code_of([&] { collect(); }), "RequestLimitExceeded");
    EXPECT_EQ(collect(true).layers.front().fate, launcher::LayerFate::merge)
        << "a dry run is no collection";

    reading.reset();
    EXPECT_EQ(collection.get().layers.size(), 1U);
    expect_merged(id);
}

TEST_F(GarbageExclusionTest, a_service_that_stops_ends_a_collection) {
    const VolumeId id = volume_of_two_layers();
    launcher().prepare_stop();

    EXPECT_EQ(error_code_of([&] { collect(); }), "Unavailable");

    EXPECT_EQ(chain_of(id).size(), 2U);
    expect_sound();
}

TEST_F(GarbageExclusionTest, a_stop_does_not_wait_for_the_job_that_a_merge_waits_for) {
    const VolumeId id = volume_of_two_layers();
    auto exclusion = guard().try_exclude(std::chrono::milliseconds(0));
    launcher().create_snapshot(caller(), {.volume = id});
    auto collection =
        std::async(std::launch::async, [&] { return error_code_of([&] { collect(); }); });
    EXPECT_EQ(collection.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
    launcher().prepare_stop();

    EXPECT_EQ(collection.get(), "Unavailable");
    exclusion.reset();
    settle();
    expect_sound();
}

}  // namespace

}  // namespace kiln::tests
