#include "images/layers/merging.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/catalog/operation.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using tests::error_code_of;
using tests::error_message_of;

mode_t mode_of(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 07777;
}

class MergingTest : public tests::CatalogFixture {
  protected:
    /// Commands of qemu-io that write into a new layer, which is frozen afterwards.
    using Writes = std::vector<std::string>;
    LayerId freeze_new(const std::optional<LayerId>& parent, Bytes size, const Writes& writes) {
        const LayerId id = insert_live(parent, size, writes);
        pool_.freeze(id);
        write([&](Session& session) {
            set_layer_state(session, scope().region, id, LayerState::frozen);
        });
        return id;
    }
    LayerId insert_live(const std::optional<LayerId>& parent, Bytes size, const Writes& writes) {
        Layer layer = this->layer(parent);
        layer.state = LayerState::live;
        layer.virtual_size = size;
        write([&](Session& session) { insert_layer(session, layer); });
        if (parent) {
            pool_.create_overlay({.layer = layer.id, .parent = *parent, .size = size});
        } else {
            pool_.create_empty(layer.id, size);
        }
        for (const std::string& command : writes) {
            run_checked({.arguments = {"qemu-io", "-f", "qcow2", "-c", command,
                                       pool_.path_of(layer.id).string()}});
        }
        return layer.id;
    }
    SnapshotId name(const LayerId& layer) {
        const Snapshot snapshot = this->snapshot(layer);
        write([&](Session& session) { insert_snapshot(session, snapshot); });
        return snapshot.id;
    }
    void use(const LayerId& live) {
        write([&](Session& session) { insert_volume(session, volume(live)); });
    }
    /// All that is read through a layer.
    std::string content_of(const LayerId& layer) {
        const std::filesystem::path raw = directory() / "content.raw";
        run_checked({.arguments = {"qemu-img", "convert", "-f", "qcow2", "-O", "raw",
                                   pool_.path_of(layer).string(), raw.string()}});
        return read_file(raw);
    }
    std::vector<Merge> merges() {
        return read([&](Session& session) { return possible_merges(session, scope().region); });
    }
    void merge(const Merge& merge) {
        prepare_merge(pool_, merge, {});
        publish_merge(database(), pool_, scope().region, merge);
    }
    std::vector<LayerId> collect() { return collect_layers(database(), pool_, scope().region); }
    std::optional<LayerId> parent_in_catalog(const LayerId& id) {
        return read([&](Session& session) {
            return find_layer(session, scope().region, id).value().parent;
        });
    }
    bool has_unfinished(const LayerId& id) {
        return std::filesystem::exists(pool_.unfinished_path_of(id));
    }
    /// Everything that there is to merge, and what it leaves.
    void merge_all() {
        for (const Merge& one : merges())
            merge(one);
        collect();
        EXPECT_THAT(merges(), IsEmpty());
    }
    /// The layer reads what it did, is sound, and stands on `parent` in its file and in the
    /// catalog.
    void expect_intact(const LayerId& id, const std::string& content,
                       const std::optional<LayerId>& parent) {
        EXPECT_TRUE(content_of(id) == content);
        EXPECT_NO_THROW(qemu_img::check(pool_.path_of(id)));
        EXPECT_EQ(pool_.parent_of(id), parent);
        EXPECT_EQ(parent_in_catalog(id), parent);
        EXPECT_FALSE(has_unfinished(id));
    }

    Pool pool_{directory() / "pool"};
    const Bytes size_ = Bytes::mebibytes(2);
};

TEST_F(MergingTest, a_frozen_layer_takes_in_the_one_that_only_it_needs) {
    const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
    const LayerId middle = freeze_new(base, size_, {"write -P 2 512k 12k", "write -z 4k 8k"});
    const LayerId top = freeze_new(middle, size_, {"write -P 3 516k 4k", "write -P 3 1536k 64k"});
    name(base);
    name(top);
    const std::string content = content_of(top);
    EXPECT_THAT(merges(), ElementsAre(Merge{.into = top, .layers = {middle}, .parent = base}));

    merge_all();

    expect_intact(top, content, base);
    EXPECT_EQ(mode_of(pool_.path_of(top)), 0400U);
    EXPECT_THAT(pool_.files(), UnorderedElementsAre(base, top));
}

TEST_F(MergingTest, a_layer_that_takes_in_a_base_becomes_one) {
    const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
    const LayerId top = freeze_new(base, size_, {"write -P 2 4k 4k", "write -z 64k 128k"});
    name(top);
    const std::string content = content_of(top);

    merge_all();

    expect_intact(top, content, std::nullopt);
    EXPECT_THAT(pool_.files(), ElementsAre(top));
}

TEST_F(MergingTest, a_live_layer_takes_in_what_only_it_needs_and_stays_live) {
    const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
    const LayerId middle = freeze_new(base, size_, {"write -P 2 512k 12k"});
    const LayerId top = insert_live(middle, size_, {"write -P 3 516k 4k"});
    name(base);
    use(top);
    const std::string content = content_of(top);

    merge_all();

    expect_intact(top, content, base);
    EXPECT_EQ(mode_of(pool_.path_of(top)), 0600U);
}

TEST_F(MergingTest, a_chain_of_five_becomes_two_in_one_go) {
    std::vector<LayerId> chain{freeze_new(std::nullopt, size_, {"write -P 1 0 2M"})};
    for (int i = 1; i < 5; ++i) {
        chain.push_back(
            freeze_new(chain.back(), size_, {fmt::format("write -P {} {}k 96k", i + 1, 64 * i)}));
    }
    name(chain.front());
    name(chain.back());
    const std::string content = content_of(chain.back());
    EXPECT_THAT(merges(), ElementsAre(Merge{.into = chain.at(4),
                                            .layers = {chain.at(3), chain.at(2), chain.at(1)},
                                            .parent = chain.at(0)}));

    merge_all();

    expect_intact(chain.back(), content, chain.front());
    EXPECT_THAT(pool_.files(), UnorderedElementsAre(chain.front(), chain.back()));
}

TEST_F(MergingTest, content_is_kept_bit_for_bit_whatever_the_sizes_along_the_chain) {
    struct Case {
        const char* name;
        std::uint64_t base;
        std::uint64_t middle;
        std::uint64_t top;
    };
    constexpr std::uint64_t odd = 3 * 1024 * 1024 - 3 * 512;
    for (const Case& sizes : {Case{"all grow", 1 << 20, 2 << 20, 4 << 20},
                              Case{"the top grows", 1 << 20, 1 << 20, 4 << 20},
                              Case{"the middle grows", 1 << 20, 4 << 20, 4 << 20},
                              Case{"the middle is shorter", 4 << 20, 1 << 20, 4 << 20},
                              Case{"none ends with a cluster", 1536, odd, odd + 1024}}) {
        for (const bool to_a_base : {false, true}) {
            SCOPED_TRACE(fmt::format("{}{}", sizes.name, to_a_base ? ", to a base" : ""));
            const LayerId base = freeze_new(std::nullopt, Bytes{sizes.base},
                                            {fmt::format("write -P 1 0 {}", sizes.base)});
            const LayerId middle = freeze_new(
                base, Bytes{sizes.middle},
                {"write -z 512 512", fmt::format("write -P 2 {} 1024", sizes.middle - 1024)});
            const LayerId top = freeze_new(
                middle, Bytes{sizes.top},
                {"write -P 3 1024 512", fmt::format("write -P 3 {} 512", sizes.top - 512)});
            if (!to_a_base) name(base);
            name(top);
            const std::string content = content_of(top);

            merge_all();

            expect_intact(top, content, to_a_base ? std::nullopt : std::optional(base));
            EXPECT_EQ(pool_.virtual_size(top), Bytes{sizes.top});
        }
    }
}

TEST_F(MergingTest, what_stands_on_a_merged_layer_reads_as_before) {
    const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
    const LayerId shared = freeze_new(base, size_, {"write -P 2 512k 12k"});
    const LayerId left = insert_live(shared, size_, {"write -P 3 0 4k"});
    const LayerId right = insert_live(shared, size_, {"write -P 4 0 4k"});
    use(left);
    use(right);
    const std::string of_left = content_of(left);
    const std::string of_right = content_of(right);
    EXPECT_THAT(merges(), ElementsAre(Merge{.into = shared, .layers = {base}}));

    merge_all();

    expect_intact(left, of_left, shared);
    expect_intact(right, of_right, shared);
}

TEST_F(MergingTest, what_something_else_needs_is_not_taken_in) {
    const LayerId base = freeze_new(std::nullopt, size_, {});
    const LayerId middle = freeze_new(base, size_, {});
    const LayerId top = insert_live(middle, size_, {});
    name(base);
    use(top);
    const auto is_kept_by = [&](const char* what, auto&& insert, auto&& remove) {
        ASSERT_EQ(merges().size(), 1U) << what;
        write(insert);
        EXPECT_THAT(merges(), IsEmpty()) << what;
        write(remove);
    };

    const Snapshot snapshot = this->snapshot(middle);
    is_kept_by(
        "a snapshot", [&](Session& session) { insert_snapshot(session, snapshot); },
        [&](Session& session) { delete_snapshot(session, snapshot.id, now()); });
    const Operation copy{.id = OperationId::generate(),
                         .kind = "copy-image",
                         .owner = caller().account,
                         .resource_id = "ami-12345678",
                         .payload = "{}",
                         .created = now()};
    is_kept_by(
        "a pin",
        [&](Session& session) {
            insert_operation(session, copy);
            pin_layer(session, copy.id, scope().region, middle);
        },
        [&](Session& session) { delete_operation(session, copy.id); });
    Layer being_made = layer(middle);
    being_made.state = LayerState::creating;
    is_kept_by(
        "a layer that is being made", [&](Session& session) { insert_layer(session, being_made); },
        [&](Session& session) { delete_layer(session, scope().region, being_made.id); });
    is_kept_by(
        "its own state",
        [&](Session& session) {
            set_layer_state(session, scope().region, middle, LayerState::live);
        },
        [&](Session& session) {
            set_layer_state(session, scope().region, middle, LayerState::frozen);
        });
}

TEST_F(MergingTest, a_layer_that_is_being_made_takes_nothing_in) {
    const LayerId base = freeze_new(std::nullopt, size_, {});
    Layer being_made = layer(base);
    being_made.state = LayerState::creating;
    write([&](Session& session) { insert_layer(session, being_made); });

    EXPECT_THAT(merges(), IsEmpty());
}

TEST_F(MergingTest, unneeded_layers_do_not_keep_others_from_being_merged) {
    const LayerId base = freeze_new(std::nullopt, size_, {});
    const LayerId top = freeze_new(base, size_, {});
    name(top);
    freeze_new(base, size_, {});

    EXPECT_THAT(merges(), ElementsAre(Merge{.into = top, .layers = {base}}));
}

TEST_F(MergingTest, who_reads_through_a_layer_is_told) {
    const LayerId base = freeze_new(std::nullopt, size_, {});
    const LayerId middle = freeze_new(base, size_, {});
    const LayerId top = insert_live(middle, size_, {});
    use(top);
    use(insert_live(std::nullopt, size_, {}));
    const Operation copy{.id = OperationId::generate(),
                         .kind = "copy-image",
                         .owner = caller().account,
                         .resource_id = "ami-12345678",
                         .payload = "{}",
                         .created = now()};
    write([&](Session& session) {
        insert_operation(session, copy);
        pin_layer(session, copy.id, scope().region, middle);
    });

    read([&](Session& session) {
        const std::string& region = scope().region;
        for (const LayerId& layer : {base, middle, top}) {
            const auto volumes = volumes_reading_through(session, region, layer);
            ASSERT_EQ(volumes.size(), 1U);
            EXPECT_EQ(volumes.front().layer, top);
        }
        EXPECT_THAT(operations_reading_through(session, region, base), ElementsAre(copy.id));
        EXPECT_THAT(operations_reading_through(session, region, top), IsEmpty());
        EXPECT_THAT(volumes_reading_through(session, "local-2", base), IsEmpty());
    });
}

TEST_F(MergingTest, a_merge_that_fails_or_is_stopped_leaves_all_as_it_was) {
    const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
    const LayerId middle = freeze_new(base, size_, {"write -P 2 512k 12k"});
    const LayerId top = freeze_new(middle, size_, {"write -P 3 516k 4k"});
    name(base);
    name(top);
    const std::string content = content_of(top);
    const Merge merge = merges().at(0);
    std::stop_source stop;
    stop.request_stop();

    EXPECT_EQ(error_code_of([&] { prepare_merge(pool_, merge, stop.get_token()); }), "Canceled");
    expect_intact(top, content, middle);

    const auto missing = Merge{.into = top, .layers = {middle}, .parent = LayerId::generate()};
    EXPECT_EQ(error_code_of([&] { prepare_merge(pool_, missing, {}); }), "InternalError");
    expect_intact(top, content, middle);

    EXPECT_THAT(error_message_of([&] { publish_merge(database(), pool_, scope().region, merge); }),
                HasSubstr("cannot move"))
        << "nothing was prepared";
    expect_intact(top, content, middle);

    prepare_merge(pool_, merge, {});
    EXPECT_TRUE(has_unfinished(top));
    abandon_merge(pool_, merge);
    abandon_merge(pool_, merge);
    expect_intact(top, content, middle);
}

TEST_F(MergingTest, a_start_after_a_crash_removes_what_was_prepared_and_nothing_of_others) {
    const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
    const LayerId top = freeze_new(base, size_, {"write -P 3 516k 4k"});
    name(top);
    const std::string content = content_of(top);
    prepare_merge(pool_, merges().at(0), {});
    const auto others = {pool_.directory() / "disk.qcow2.part", pool_.directory() / "notes.part",
                         pool_.directory() / (top.str() + ".part")};
    for (const auto& path : others)
        std::ofstream(path) << "not ours";

    reconcile_pool(database(), pool_, scope().region);

    expect_intact(top, content, base);
    for (const auto& path : others)
        EXPECT_TRUE(std::filesystem::exists(path)) << path;
    merge_all();
    expect_intact(top, content, std::nullopt);
}

TEST_F(MergingTest, a_start_after_a_crash_learns_from_the_file_what_the_row_does_not_say_yet) {
    for (const bool to_a_base : {false, true}) {
        const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
        const LayerId middle = freeze_new(base, size_, {"write -P 2 512k 12k"});
        const LayerId top = freeze_new(middle, size_, {"write -P 3 516k 4k"});
        if (!to_a_base) name(base);
        name(top);
        const std::string content = content_of(top);
        prepare_merge(pool_, merges().at(0), {});
        std::filesystem::rename(pool_.unfinished_path_of(top), pool_.path_of(top));
        EXPECT_EQ(parent_in_catalog(top), middle);

        reconcile_pool(database(), pool_, scope().region);
        collect();

        expect_intact(top, content, to_a_base ? std::nullopt : std::optional(base));
        EXPECT_FALSE(pool_.exists(middle));
    }
}

TEST_F(MergingTest, a_merge_that_the_catalog_did_not_learn_of_is_done_again_without_harm) {
    const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
    const LayerId middle = freeze_new(base, size_, {"write -P 2 512k 12k"});
    const LayerId top = freeze_new(middle, size_, {"write -P 3 516k 4k"});
    name(base);
    name(top);
    const std::string content = content_of(top);
    prepare_merge(pool_, merges().at(0), {});
    std::filesystem::rename(pool_.unfinished_path_of(top), pool_.path_of(top));

    merge_all();

    expect_intact(top, content, base);
}

TEST_F(MergingTest, a_file_that_stands_on_a_stranger_is_left_for_the_operator_to_see) {
    const LayerId base = freeze_new(std::nullopt, size_, {});
    const LayerId stranger = freeze_new(std::nullopt, size_, {});
    const LayerId top = freeze_new(base, size_, {});
    name(top);
    name(stranger);
    std::filesystem::permissions(pool_.path_of(top), std::filesystem::perms(0600));
    pool_.rebase(top, stranger, {});

    reconcile_pool(database(), pool_, scope().region);

    EXPECT_EQ(parent_in_catalog(top), base);
}

TEST_F(MergingTest, the_space_that_a_merge_needs_is_that_of_all_its_layers) {
    const LayerId base = freeze_new(std::nullopt, size_, {"write -P 1 0 1M"});
    const LayerId top = freeze_new(base, size_, {"write -P 3 0 1M"});
    name(top);

    EXPECT_EQ(space_needed(pool_, merges().at(0)),
              pool_.allocated_size(base) + pool_.allocated_size(top));
}

}  // namespace

}  // namespace kiln::images
