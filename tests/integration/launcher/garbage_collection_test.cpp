#include "images/layers/merging.hpp"
#include "tests/integration/launcher/garbage_fixture.hpp"

namespace kiln::tests {

namespace {

using images::InstanceState;
using launcher::CollectedLayer;
using launcher::GarbageCollection;
using launcher::LayerFate;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GarbageCollectionTest : public GarbageFixture {};

TEST_F(GarbageCollectionTest, a_detached_volume_takes_in_the_layers_that_it_alone_needs) {
    const VolumeId id = create_empty();
    write_to(id, "below");
    put_layer_below(id);
    put_layer_below(id);
    const auto chain = chain_of(id);
    ASSERT_EQ(chain.size(), 3U);

    const GarbageCollection collection = collect();

    ASSERT_EQ(collection.layers.size(), 2U);
    for (const CollectedLayer& layer : collection.layers) {
        EXPECT_EQ(layer.fate, LayerFate::merge);
        EXPECT_EQ(layer.into, chain.front());
        EXPECT_EQ(layer.reason, "merged into " + chain.front().str() + ": only it needs it");
        EXPECT_GT(layer.size, Bytes{0});
    }
    EXPECT_GT(collection.freed, Bytes{0});
    expect_merged(id);
    EXPECT_THAT(content_of(id), HasSubstr("below"));
    expect_sound();
    EXPECT_THAT(collect().layers, IsEmpty());
}

TEST_F(GarbageCollectionTest, a_snapshot_s_layer_takes_in_what_a_deleted_snapshot_leaves) {
    const VolumeId id = create_empty();
    write_to(id, "lower");
    const SnapshotId lower = snap(id);
    const SnapshotId upper = snap(id);
    forget(lower);

    EXPECT_EQ(collect().layers.size(), 1U);

    EXPECT_EQ(pool().parent_of(snapshot_now(upper).layer.value()), std::nullopt);
    EXPECT_THAT(content_of(create({.snapshot = upper})), HasSubstr("lower"));
    EXPECT_THAT(content_of(id), HasSubstr("lower"));
    expect_sound();
}

TEST_F(GarbageCollectionTest, what_nothing_needs_is_removed_and_listed) {
    const images::Layer unneeded = layer();
    pool().create_empty(unneeded.id, unneeded.virtual_size);
    write([&](Session& session) { images::insert_layer(session, unneeded); });
    const Bytes size = pool().allocated_size(unneeded.id);

    const GarbageCollection collection = collect();

    ASSERT_EQ(collection.layers.size(), 1U);
    EXPECT_EQ(collection.layers.front().layer, unneeded.id);
    EXPECT_EQ(collection.layers.front().fate, LayerFate::remove);
    EXPECT_EQ(collection.layers.front().reason, "no volume, snapshot or operation needs it");
    EXPECT_EQ(collection.freed, size);
    expect_sound();
}

TEST_F(GarbageCollectionTest, a_dry_run_lists_the_same_and_changes_nothing) {
    const VolumeId id = volume_of_two_layers();
    const images::Layer unneeded = layer();
    pool().create_empty(unneeded.id, unneeded.virtual_size);
    write([&](Session& session) { images::insert_layer(session, unneeded); });
    const auto chain = chain_of(id);
    const auto text_of = [](const GarbageCollection& collection) {
        std::string text;
        for (const CollectedLayer& layer : collection.layers) {
            if (layer.fate == LayerFate::keep) continue;
            text += layer.layer.str() + " " + std::to_string(layer.size.value) + " " +
                    (layer.into ? layer.into->str() : "-") + " " + layer.reason + "\n";
        }
        return text;
    };

    const GarbageCollection planned = collect(true);

    EXPECT_EQ(planned.freed, planned.layers.at(0).size + planned.layers.at(1).size);
    EXPECT_EQ(chain_of(id), chain);
    expect_sound();
    EXPECT_EQ(text_of(collect()), text_of(planned));
    expect_merged(id);
}

TEST_F(GarbageCollectionTest, a_dry_run_says_of_each_layer_that_stays_who_needs_it) {
    const VolumeId left = create_empty();
    const SnapshotId snapshot = snap(left);
    const VolumeId right = create({.snapshot = snapshot});
    const LayerId shared = snapshot_now(snapshot).layer.value();
    EXPECT_EQ(planned_to_be_kept().at(shared), "the snapshot " + snapshot.str() + " is made of it");
    EXPECT_EQ(planned_to_be_kept().at(top_of(left)), "the volume " + left.str() + " writes to it");

    forget(snapshot);
    const auto [first, second] = std::minmax({top_of(left), top_of(right)});
    EXPECT_EQ(planned_to_be_kept().at(shared),
              first.str() + " and " + second.str() + " stand on it");

    const images::Operation build{.id = OperationId::generate(),
                                  .kind = "build-image",
                                  .owner = caller().account,
                                  .resource_id = golden().str(),
                                  .payload = "{}",
                                  .created = now()};
    images::Layer unfinished = layer();
    unfinished.parent = top_of(left);
    unfinished.state = images::LayerState::creating;
    write([&](Session& session) {
        images::insert_operation(session, build);
        images::pin_layer(session, build.id, caller().region, shared);
        images::insert_layer(session, unfinished);
    });
    EXPECT_EQ(planned_to_be_kept().at(shared),
              "the operation " + build.id.str() + " (build-image) needs it");
    EXPECT_EQ(planned_to_be_kept().at(unfinished.id), "it is being made");
    write([&](Session& session) { images::delete_operation(session, build.id); });
    EXPECT_EQ(planned_to_be_kept().size(), layer_count()) << "each layer of the region is listed";
}

TEST_F(GarbageCollectionTest, a_dry_run_says_that_a_layer_that_is_being_made_keeps_its_parent) {
    const images::Layer base = layer();
    pool().create_empty(base.id, base.virtual_size);
    pool().freeze(base.id);
    images::Layer unfinished = layer();
    unfinished.parent = base.id;
    unfinished.state = images::LayerState::creating;
    write([&](Session& session) {
        images::insert_layer(session, base);
        images::insert_layer(session, unfinished);
    });
    EXPECT_EQ(planned_to_be_kept().at(base.id),
              unfinished.id.str() + ", which stands on it, is creating");
}

TEST_F(GarbageCollectionTest, collecting_needs_an_administrator) {
    volume_of_two_layers();
    const auto files = file_count();

    EXPECT_EQ(error_code_of([&] { launcher().collect_garbage(caller()); }),
              "UnauthorizedOperation");

    EXPECT_EQ(file_count(), files);
}

TEST_F(GarbageCollectionTest, what_a_running_instance_reads_through_is_kept_until_it_is_stopped) {
    const InstanceId instance = run_one();
    const VolumeId id = root_of_two_layers(instance);
    ASSERT_EQ(chain_of(id).size(), 3U) << "the golden image's layer is below";
    const std::string reason = "the running instance " + instance.str() + " reads through it";
    EXPECT_EQ(planned_to_be_kept().at(chain_of(id).at(1)), reason);
    EXPECT_EQ(why_kept(collect()), reason);
    EXPECT_EQ(chain_of(id).size(), 3U);

    stop(instance);
    EXPECT_EQ(collect().layers.size(), 1U);
    EXPECT_EQ(chain_of(id).size(), 2U);
    expect_sound();

    launcher().start_instances(caller(), {instance});
    settle();
    EXPECT_EQ(host().spec(instance.str()).disks.at(0).chain.size(), 2U);
}

TEST_F(GarbageCollectionTest, an_instance_that_starts_or_has_a_domain_though_stopped_is_in_use) {
    const InstanceId instance = run_one();
    root_of_two_layers(instance);
    stop(instance);
    std::string reason;
    host().before_next("start_domain", [&] { reason = why_kept(collect()); });
    launcher().start_instances(caller(), {instance});
    settle();
    EXPECT_EQ(reason, "the pending instance " + instance.str() + " reads through it");

    write([&](Session& session) {
        images::Instance changed = images::find_instance(session, instance).value();
        changed.state = InstanceState::stopped;
        images::update_instance(session, changed, now());
    });
    EXPECT_EQ(why_kept(collect()),
              "the stopped instance " + instance.str() + " has a domain still");
}

TEST_F(GarbageCollectionTest,
       a_frozen_layer_that_a_running_instance_reads_through_takes_nothing_in) {
    const LayerId frozen = frozen_with_one_below();
    const images::Snapshot snapshot = read([&](Session& session) {
        for (const images::Snapshot& one : images::list_snapshots(session, scope())) {
            if (one.layer == frozen) return one;
        }
        throw std::logic_error("no snapshot");
    });
    const VolumeId id = create({.snapshot = snapshot.id});
    const InstanceId instance = run_one();
    attach(id, instance);
    EXPECT_THAT(why_kept(collect()), HasSubstr("the running instance"));

    detach(id);
    EXPECT_EQ(collect().layers.size(), 1U);
    EXPECT_EQ(chain_of(id).size(), 2U);
    expect_sound();
}

TEST_F(GarbageCollectionTest, what_an_operation_has_pinned_is_kept) {
    const VolumeId id = volume_of_two_layers();
    const images::Operation copy{.id = OperationId::generate(),
                                 .kind = "build-image",
                                 .owner = caller().account,
                                 .resource_id = "ami-12345678",
                                 .payload = "{}",
                                 .created = now()};
    write([&](Session& session) {
        images::insert_operation(session, copy);
        images::pin_layer(session, copy.id, caller().region, top_of(id));
    });
    EXPECT_EQ(why_kept(collect()), "the operation " + copy.id.str() + " reads through it");
}

TEST_F(GarbageCollectionTest, a_merge_that_fails_says_why_and_the_others_go_on) {
    const VolumeId broken = create_empty();
    put_layer_below(broken);
    const VolumeId sound = volume_of_two_layers();
    std::filesystem::remove(pool().path_of(chain_of(broken).back()));

    const GarbageCollection collection = collect();

    ASSERT_EQ(collection.layers.size(), 2U);
    for (const CollectedLayer& layer : collection.layers) {
        const bool is_broken = layer.layer == chain_of(broken).back();
        EXPECT_EQ(layer.fate, is_broken ? LayerFate::keep : LayerFate::merge);
        EXPECT_THAT(layer.reason, HasSubstr(is_broken ? layer.layer.str() : "only it needs it"));
    }
    expect_merged(sound);
    EXPECT_EQ(chain_of(broken).size(), 2U);
}

TEST_F(GarbageCollectionTest, without_the_space_for_a_copy_nothing_is_merged) {
    const VolumeId id = volume_of_two_layers();
    stop_service();
    settings().free_space_reserve = Bytes::gibibytes(1U << 30U);
    start_service();

    EXPECT_THAT(why_kept(collect()), HasSubstr("MiB free"));
    EXPECT_EQ(chain_of(id).size(), 2U);
    expect_sound();
}

TEST_F(GarbageCollectionTest, a_start_sets_right_what_a_crash_left_of_a_merge) {
    const VolumeId id = volume_of_two_layers();
    const LayerId frozen = frozen_with_one_below();
    const auto merges =
        read([&](Session& session) { return images::possible_merges(session, caller().region); });
    ASSERT_EQ(merges.size(), 2U);
    for (const images::Merge& merge : merges) {
        images::prepare_merge(pool(), merge, {});
        std::filesystem::rename(pool().unfinished_path_of(merge.into), pool().path_of(merge.into));
    }
    stop_service();
    start_service();

    expect_merged(id);
    EXPECT_EQ(pool().parent_of(frozen), std::nullopt);
    EXPECT_THAT(content_of(id), HasSubstr("below"));
    expect_sound();
}

}  // namespace

}  // namespace kiln::tests
