#include "images/catalog/layer.hpp"

#include <gmock/gmock.h>

#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::error_code_of;

class LayerTest : public tests::CatalogFixture {
  protected:
    Layer insert(Layer layer) {
        write([&](Session& session) { insert_layer(session, layer); });
        return layer;
    }
    /// A chain of that many layers, base first.
    std::vector<Layer> insert_chain(std::size_t length) {
        std::vector<Layer> chain;
        write([&](Session& session) {
            for (std::size_t i = 0; i < length; ++i) {
                chain.push_back(
                    layer(chain.empty() ? std::nullopt : std::optional(chain.back().id)));
                insert_layer(session, chain.back());
            }
        });
        return chain;
    }
    std::vector<LayerId> unneeded(bool with_creating = false) {
        return ids_of(read([&](Session& session) {
            return unneeded_layers(session, scope().region, with_creating);
        }));
    }
    static std::vector<LayerId> ids_of(const std::vector<Layer>& layers) {
        std::vector<LayerId> ids;
        for (const Layer& layer : layers)
            ids.push_back(layer.id);
        return ids;
    }
};

TEST_F(LayerTest, a_layer_comes_back_with_every_field) {
    const Layer base = insert(layer());
    Layer top = layer(base.id);
    top.state = LayerState::live;
    top.virtual_size = Bytes{12345};
    insert(top);

    const auto found =
        read([&](Session& session) { return find_layer(session, scope().region, top.id); });

    ASSERT_TRUE(found);
    EXPECT_EQ(found->region, top.region);
    EXPECT_EQ(found->parent, base.id);
    EXPECT_EQ(found->state, LayerState::live);
    EXPECT_EQ(found->virtual_size, Bytes{12345});
    EXPECT_EQ(found->created, top.created);
    EXPECT_FALSE(read([&](Session& session) {
        return find_layer(session, scope().region, LayerId("layer-00000000"));
    }));
}

TEST_F(LayerTest, a_chain_runs_from_the_top_to_the_base) {
    const std::vector<Layer> chain = insert_chain(3);

    EXPECT_THAT(ids_of(read([&](Session& session) {
                    return layer_chain(session, scope().region, chain[2].id);
                })),
                ElementsAre(chain[2].id, chain[1].id, chain[0].id));
}

TEST_F(LayerTest, a_chain_without_its_layer_or_without_an_end_is_refused) {
    EXPECT_EQ(error_code_of([&] {
                  read([&](Session& session) {
                      return layer_chain(session, scope().region, LayerId("layer-00000000"));
                  });
              }),
              "InternalError");

    const std::vector<Layer> endless = insert_chain(longest_readable_chain + 1);
    EXPECT_EQ(error_code_of([&] {
                  read([&](Session& session) {
                      return layer_chain(session, scope().region, endless.back().id);
                  });
              }),
              "InternalError");
    EXPECT_EQ(read([&](Session& session) {
                  return layer_chain(session, scope().region,
                                     endless[longest_readable_chain - 1].id);
              }).size(),
              longest_readable_chain);
}

TEST_F(LayerTest, a_layer_with_a_child_cannot_be_deleted) {
    const std::vector<Layer> chain = insert_chain(2);
    const auto remove = [&](const Layer& layer) {
        return error_code_of([&] {
            write([&](Session& session) { delete_layer(session, scope().region, layer.id); });
        });
    };

    EXPECT_EQ(remove(chain[0]), "InternalError");
    EXPECT_EQ(remove(chain[1]), "");
    EXPECT_EQ(remove(chain[0]), "");
}

TEST_F(LayerTest, a_layer_cannot_stand_on_one_that_is_not_there) {
    EXPECT_EQ(error_code_of([&] { insert(layer(LayerId::generate())); }), "InternalError");
}

TEST_F(LayerTest, what_a_volume_or_a_snapshot_stands_on_is_needed) {
    const std::vector<Layer> of_volume = insert_chain(3);
    const std::vector<Layer> of_snapshot = insert_chain(2);
    write([&](Session& session) {
        insert_volume(session, volume(of_volume[1].id));
        insert_snapshot(session, snapshot(of_snapshot[1].id));
    });

    EXPECT_THAT(unneeded(), ElementsAre(of_volume[2].id));
}

TEST_F(LayerTest, unneeded_layers_come_children_before_parents) {
    const std::vector<Layer> chain = insert_chain(4);
    const Layer branch = insert(layer(chain[0].id));

    const std::vector<LayerId> ids = unneeded();

    const auto place = [&](const Layer& layer) { return std::ranges::find(ids, layer.id); };
    EXPECT_EQ(ids.size(), 5U);
    EXPECT_LT(place(chain[3]), place(chain[2]));
    EXPECT_LT(place(chain[2]), place(chain[1]));
    EXPECT_LT(place(chain[1]), place(chain[0]));
    EXPECT_LT(place(branch), place(chain[0]));
}

TEST_F(LayerTest, layers_being_made_and_what_they_stand_on_are_left_to_their_operation) {
    const Layer base = insert(layer());
    Layer creating = layer(base.id);
    creating.state = LayerState::creating;
    insert(creating);

    EXPECT_THAT(unneeded(), IsEmpty());
    EXPECT_THAT(unneeded(true), ElementsAre(creating.id, base.id));
}

TEST_F(LayerTest, layers_are_looked_at_region_by_region) {
    Layer elsewhere = layer();
    elsewhere.region = "local-2";
    insert(elsewhere);
    const Layer here = insert(layer());

    EXPECT_THAT(unneeded(), ElementsAre(here.id));
    EXPECT_THAT(ids_of(read([&](Session& session) { return all_layers(session, scope().region); })),
                ElementsAre(here.id));
}

TEST_F(LayerTest, a_layer_changes_its_state) {
    const Layer layer = insert(this->layer());

    write([&](Session& session) {
        set_layer_state(session, scope().region, layer.id, LayerState::deleting);
    });

    EXPECT_EQ(read([&](Session& session) {
                  return find_layer(session, scope().region, layer.id);
              })->state,
              LayerState::deleting);
}

}  // namespace

}  // namespace kiln::images
