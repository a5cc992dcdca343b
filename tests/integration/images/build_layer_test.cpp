#include "images/catalog/build_layer.hpp"

#include <gmock/gmock.h>

#include "images/catalog/layer_names.hpp"
#include "images/layers/merging.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A base with a step on it and another one on that, of one account.
class BuildLayerTest : public tests::CatalogFixture {
  protected:
    BuildLayerTest() {
        write([&](Session& session) {
            for (const Layer& layer : {base_, first_, second_})
                insert_layer(session, layer);
        });
    }

    BuildLayer row(const std::string& key, const Layer& layer) const {
        return {.key = key,
                .owner = caller().account,
                .region = caller().region,
                .layer = layer.id,
                .parent = layer.parent,
                .created = now(),
                .last_used = now()};
    }
    void put(const BuildLayer& layer) {
        write([&](Session& session) { put_build_layer(session, layer); });
    }
    std::vector<std::string> keys() {
        std::vector<std::string> keys;
        read([&](Session& session) {
            for (const BuildLayer& layer : build_layers_of(session, caller().region))
                keys.push_back(layer.key);
        });
        return keys;
    }

    Layer base_ = layer();
    Layer first_ = layer(base_.id);
    Layer second_ = layer(first_.id);
};

TEST_F(BuildLayerTest, is_found_by_its_key_in_its_account_and_region_alone) {
    put(row("a", first_));

    const auto found =
        read([&](Session& session) { return find_build_layer(session, scope(), "a"); });
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->layer, first_.id);
    EXPECT_EQ(found->parent, base_.id);
    EXPECT_EQ(found->created, now());
    read([&](Session& session) {
        EXPECT_FALSE(find_build_layer(session, scope(), "b"));
        EXPECT_FALSE(find_build_layer(session, stranger(), "a"));
        EXPECT_FALSE(
            find_build_layer(session, {.owner = caller().account, .region = "other-1"}, "a"));
    });
}

TEST_F(BuildLayerTest, takes_the_place_of_an_older_one) {
    put(row("a", first_));
    put(row("a", second_));
    EXPECT_THAT(keys(), ElementsAre("a"));
    read([&](Session& session) {
        EXPECT_EQ(find_build_layer(session, scope(), "a")->layer, second_.id);
    });
}

TEST_F(BuildLayerTest, those_used_least_recently_come_first_and_later_stages_before_earlier_ones) {
    BuildLayer later = row("later", second_);
    later.created = now() + std::chrono::seconds(1);
    put(row("base", base_));
    put(row("used", first_));
    put(later);
    write([&](Session& session) {
        touch_build_layer(session, scope(), "used", now() + std::chrono::hours(1));
    });
    EXPECT_THAT(keys(), ElementsAre("later", "base", "used"));
}

TEST_F(BuildLayerTest, keeps_its_layer_and_what_that_stands_on) {
    put(row("a", first_));
    read([&](Session& session) {
        const auto unneeded = unneeded_layers(session, caller().region);
        ASSERT_EQ(unneeded.size(), 1U);
        EXPECT_EQ(unneeded.front().id, second_.id);
        EXPECT_THAT(named_layers(session, caller().region), ElementsAre(first_.id));
        EXPECT_THAT(who_names_layers(session, caller().region).at(first_.id),
                    HasSubstr("it is kept for builds of 111111111111"));
    });
}

TEST_F(BuildLayerTest, is_not_merged_into_what_stands_on_it) {
    put(row("a", first_));
    put(row("b", second_));
    read([&](Session& session) {
        const auto merges = possible_merges(session, caller().region);
        ASSERT_EQ(merges.size(), 1U);
        EXPECT_EQ(merges.front().into, first_.id) << "the base alone is nobody's";
        EXPECT_THAT(merges.front().layers, ElementsAre(base_.id));
    });
}

TEST_F(BuildLayerTest, is_forgotten_by_its_key_or_with_all_of_its_account) {
    BuildLayer others = row("a", first_);
    others.owner = stranger().owner;
    put(others);
    put(row("a", first_));
    put(row("b", second_));
    put(row("c", second_));

    write([&](Session& session) {
        forget_build_layer(session, scope(), "c");
        forget_build_layer(session, scope(), "none");
        EXPECT_EQ(forget_build_layers(session, scope()), 2U);
    });
    EXPECT_THAT(keys(), ElementsAre("a"));
    write([&](Session& session) { forget_build_layers(session, stranger()); });
    EXPECT_THAT(keys(), IsEmpty());
}

}  // namespace

}  // namespace kiln::images
