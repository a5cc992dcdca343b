#include "images/layers/collection.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "images/catalog/operation.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class CollectionTest : public tests::CatalogFixture {
  protected:
    /// A layer with its row and a file; the file's content does not matter here.
    Layer insert(Layer layer) {
        write([&](Session& session) { insert_layer(session, layer); });
        std::ofstream(pool_.path_of(layer.id)) << "layer";
        return layer;
    }
    Layer insert_on(const std::optional<LayerId>& parent, LayerState state = LayerState::frozen) {
        Layer layer = this->layer(parent);
        layer.state = state;
        return insert(layer);
    }
    std::optional<Layer> row(const LayerId& id) {
        return read([&](Session& session) { return find_layer(session, scope().region, id); });
    }
    bool is_whole(const Layer& layer) { return row(layer.id) && pool_.exists(layer.id); }
    bool is_gone(const Layer& layer) { return !row(layer.id) && !pool_.exists(layer.id); }
    std::vector<LayerId> collect() { return collect_layers(database(), pool_, scope().region); }
    void reconcile() { reconcile_pool(database(), pool_, scope().region); }

    Pool pool_{directory() / "pool"};
};

TEST_F(CollectionTest, what_volumes_and_snapshots_stand_on_stays) {
    const Layer base = insert_on(std::nullopt);
    const Layer middle = insert_on(base.id);
    const Layer top = insert_on(middle.id, LayerState::live);
    const Layer of_snapshot = insert_on(base.id);
    write([&](Session& session) {
        insert_volume(session, volume(top.id));
        insert_snapshot(session, snapshot(of_snapshot.id));
    });

    EXPECT_THAT(collect(), IsEmpty());

    for (const Layer& layer : {base, middle, top, of_snapshot})
        EXPECT_TRUE(is_whole(layer));
}

TEST_F(CollectionTest, a_pool_is_collected_by_one_at_a_time) {
    const Layer layer = insert_on(std::nullopt);
    auto other = pool_.collecting();
    std::thread collection([&] { collect(); });
    std::this_thread::yield();
    EXPECT_EQ(row(layer.id)->state, LayerState::frozen) << "nobody condemns it meanwhile";
    write([&](Session& session) { insert_snapshot(session, snapshot(layer.id)); });
    other.unlock();
    collection.join();
    EXPECT_TRUE(is_whole(layer)) << "it was needed when the other had ended";
}

TEST_F(CollectionTest, a_base_goes_with_the_last_thing_that_needed_it) {
    const Layer base = insert_on(std::nullopt);
    const Layer top = insert_on(base.id, LayerState::live);
    const Snapshot root = snapshot(base.id);
    Volume volume = this->volume(top.id);
    write([&](Session& session) {
        insert_snapshot(session, root);
        insert_volume(session, volume);
        delete_snapshot(session, root.id, now());
    });
    EXPECT_THAT(collect(), IsEmpty()) << "the volume still stands on it";

    volume.layer.reset();
    volume.state = VolumeState::deleted;
    write([&](Session& session) { update_volume(session, volume, now()); });

    EXPECT_THAT(collect(), ElementsAre(top.id, base.id));
    EXPECT_TRUE(is_gone(base));
    EXPECT_TRUE(is_gone(top));
}

TEST_F(CollectionTest, layers_that_are_being_made_stay) {
    const Layer base = insert_on(std::nullopt);
    const Layer creating = insert_on(base.id, LayerState::creating);

    EXPECT_THAT(collect(), IsEmpty());

    EXPECT_TRUE(is_whole(base));
    EXPECT_TRUE(is_whole(creating));
}

TEST_F(CollectionTest, another_region_s_layers_stay) {
    Layer elsewhere = layer();
    elsewhere.region = "local-2";
    insert(elsewhere);

    EXPECT_THAT(collect(), IsEmpty());
    EXPECT_TRUE(read([&](Session& session) {
        return find_layer(session, elsewhere.region, elsewhere.id).has_value();
    }));
}

TEST_F(CollectionTest, a_layer_that_is_needed_in_another_region_alone_goes) {
    const Layer here = insert_on(std::nullopt);
    Layer elsewhere = here;
    elsewhere.region = "local-2";
    Snapshot needs_it = snapshot(elsewhere.id);
    needs_it.region = elsewhere.region;
    write([&](Session& session) {
        insert_layer(session, elsewhere);
        insert_snapshot(session, needs_it);
    });

    EXPECT_THAT(collect(), ElementsAre(here.id));
    EXPECT_TRUE(is_gone(here));
}

TEST_F(CollectionTest, a_pinned_layer_stays_until_its_operation_ends) {
    const Layer base = insert_on(std::nullopt);
    const Operation copy{.id = OperationId::generate(),
                         .kind = "copy-image",
                         .owner = caller().account,
                         .resource_id = "ami-12345678",
                         .payload = "{}",
                         .created = now()};
    write([&](Session& session) {
        insert_operation(session, copy);
        pin_layer(session, copy.id, base.region, base.id);
        pin_layer(session, copy.id, base.region, base.id);
    });
    EXPECT_THAT(collect(), IsEmpty());

    write([&](Session& session) { delete_operation(session, copy.id); });

    EXPECT_THAT(collect(), ElementsAre(base.id));
}

TEST_F(CollectionTest, a_collection_that_was_cut_off_is_taken_up_again) {
    const Layer with_file = insert_on(std::nullopt, LayerState::deleting);
    const Layer without_file = insert_on(with_file.id, LayerState::deleting);
    pool_.remove(without_file.id);

    EXPECT_THAT(collect(), ElementsAre(without_file.id, with_file.id));

    EXPECT_TRUE(is_gone(with_file));
    EXPECT_TRUE(is_gone(without_file));
    EXPECT_THAT(collect(), IsEmpty());
}

TEST_F(CollectionTest, collections_side_by_side_do_not_disturb_each_other) {
    std::vector<Layer> layers;
    for (int i = 0; i < 20; ++i)
        layers.push_back(
            insert_on(layers.empty() ? std::nullopt : std::optional(layers.back().id)));
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&] { collect(); });
    }

    for (const Layer& layer : layers)
        EXPECT_TRUE(is_gone(layer));
}

TEST_F(CollectionTest, a_start_removes_what_a_crash_left_half_made_or_half_deleted) {
    const Layer base = insert_on(std::nullopt);
    const Layer creating = insert_on(base.id, LayerState::creating);
    Layer without_file = layer(base.id);
    without_file.state = LayerState::creating;
    write([&](Session& session) { insert_layer(session, without_file); });
    const Layer deleting = insert_on(std::nullopt, LayerState::deleting);
    write([&](Session& session) { insert_snapshot(session, snapshot(base.id)); });

    reconcile();

    EXPECT_TRUE(is_gone(creating));
    EXPECT_TRUE(is_gone(without_file));
    EXPECT_TRUE(is_gone(deleting));
    EXPECT_TRUE(is_whole(base));
}

TEST_F(CollectionTest, a_start_leaves_a_layer_to_the_operation_that_names_it) {
    const Layer base = insert_on(std::nullopt, LayerState::deleting);
    const Layer owned = insert_on(base.id, LayerState::creating);
    write([&](Session& session) {
        insert_operation(session, {.id = OperationId::generate(),
                                   .kind = "launch",
                                   .owner = scope().owner,
                                   .resource_id = "i-00000000000000001",
                                   .payload = R"({"layers": [")" + owned.id.str() + R"("]})",
                                   .created = now()});
    });

    reconcile();

    EXPECT_TRUE(is_whole(owned));
    EXPECT_TRUE(is_whole(base)) << "the owned layer stands on it";
}

TEST_F(CollectionTest, a_start_leaves_a_half_made_layer_that_a_volume_points_at) {
    const Layer creating = insert_on(std::nullopt, LayerState::creating);
    write([&](Session& session) { insert_volume(session, volume(creating.id)); });

    reconcile();

    EXPECT_TRUE(is_whole(creating));
}

TEST_F(CollectionTest, a_start_leaves_whole_layers_to_the_collection) {
    const Layer frozen = insert_on(std::nullopt);

    reconcile();

    EXPECT_TRUE(is_whole(frozen));
}

TEST_F(CollectionTest, a_start_removes_layer_files_without_a_row_and_nothing_else) {
    const LayerId unknown = LayerId::generate();
    std::ofstream(pool_.path_of(unknown)) << "left by a crash";
    std::ofstream(pool_.directory() / "operator's notes.qcow2") << "not ours";

    reconcile();

    EXPECT_FALSE(pool_.exists(unknown));
    EXPECT_TRUE(std::filesystem::exists(pool_.directory() / "operator's notes.qcow2"));
}

TEST_F(CollectionTest, a_row_without_a_file_survives_a_start_for_the_operator_to_see) {
    const Layer frozen = insert_on(std::nullopt);
    pool_.remove(frozen.id);

    reconcile();

    EXPECT_TRUE(row(frozen.id));
}

}  // namespace

}  // namespace kiln::images
