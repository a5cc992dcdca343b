#pragma once

#include <map>
#include <thread>

#include "images/layers/qemu_img.hpp"
#include "launcher/regions/chain_guard.hpp"
#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

/// A launcher over a fake host, and volumes that stand on layers which could be merged.
class GarbageFixture : public VolumesFixture {
  protected:
    launcher::GarbageCollection collect(bool dry_run = false) {
        images::Caller administrator = caller();
        administrator.administrator = true;
        administrator.dry_run = dry_run;
        return launcher().collect_garbage(administrator);
    }
    /// What a dry run says of each layer that is kept.
    std::map<LayerId, std::string> planned_to_be_kept() {
        std::map<LayerId, std::string> reasons;
        for (const launcher::CollectedLayer& layer : collect(true).layers) {
            if (layer.fate == launcher::LayerFate::keep) reasons.emplace(layer.layer, layer.reason);
        }
        return reasons;
    }
    /// Its only layer, which the test expects to be kept.
    std::string why_kept(const launcher::GarbageCollection& collection) {
        EXPECT_EQ(collection.layers.size(), 1U);
        if (collection.layers.size() != 1) return "";
        EXPECT_EQ(collection.layers.front().fate, launcher::LayerFate::keep);
        EXPECT_EQ(collection.freed, Bytes{0});
        return collection.layers.front().reason;
    }
    LayerId top_of(const VolumeId& id) { return volume_now(id).layer.value(); }
    std::vector<LayerId> chain_of(const VolumeId& id) {
        std::vector<LayerId> ids;
        for (const images::Layer& layer : read([&](Session& session) {
                 return images::layer_chain(session, caller().region, top_of(id));
             })) {
            ids.push_back(layer.id);
        }
        return ids;
    }
    void forget(const SnapshotId& id) {
        launcher().delete_snapshot(caller(), id);
        settle();
    }
    /// The volume's top becomes a layer that only the new top needs.
    void put_layer_below(const VolumeId& id) { forget(snap(id)); }
    /// A detached volume with text in each of two layers.
    VolumeId volume_of_two_layers() {
        const VolumeId id = create_empty();
        write_to(id, "below");
        put_layer_below(id);
        return id;
    }
    /// The root volume of a new instance, with a layer that it could take in.
    VolumeId root_of_two_layers(const InstanceId& instance) {
        const VolumeId id = volumes(instance).at(0).id;
        put_layer_below(id);
        return id;
    }
    /// A frozen layer that could take in the one below it, with a snapshot of its own.
    LayerId frozen_with_one_below() {
        const VolumeId id = create_empty();
        const SnapshotId lower = snap(id);
        const SnapshotId upper = snap(id);
        forget(lower);
        launcher().delete_volume(caller(), id);
        settle();
        return snapshot_now(upper).layer.value();
    }
    void wait_until_prepared(const LayerId& layer) {
        while (!std::filesystem::exists(pool().unfinished_path_of(layer)))
            std::this_thread::yield();
    }
    launcher::ChainGuard& guard() { return *regions().home().chains; }
    void expect_merged(const VolumeId& id) {
        EXPECT_EQ(pool().parent_of(top_of(id)), std::nullopt);
        EXPECT_THAT(chain_of(id), testing::ElementsAre(top_of(id)));
    }
    /// No file is missing or left, and each stands where its row says.
    void expect_sound() {
        const auto layers =
            read([&](Session& session) { return images::all_layers(session, caller().region); });
        EXPECT_EQ(file_count(), layers.size());
        for (const images::Layer& layer : layers) {
            EXPECT_EQ(pool().parent_of(layer.id), layer.parent);
            EXPECT_NO_THROW(images::qemu_img::check(pool().path_of(layer.id)));
        }
        EXPECT_EQ(open_operation_count(), 0U);
    }
};

}  // namespace kiln::tests
