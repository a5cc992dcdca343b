#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "images/layers/chain.hpp"
#include "images/layers/qcow2_header.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/integration/launcher/storage_model.hpp"
#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

/// A launcher over a fake host with three regions: the home region, one whose pool is on the same
/// file system, and one whose pool is on another. What they hold is compared with a model.
class StorageFixture : public VolumesFixture {
  protected:
    StorageFixture() {
        regions().create(administrator(), {.name = "local-2"});
        regions().create(administrator(), {.name = "local-3", .pool = far_pool_directory_});
    }
    ~StorageFixture() override {
        stop_service();
        std::filesystem::remove_all(far_pool_directory_);
    }

    images::Caller caller_in(const std::string& region) const {
        return {.account = caller().account, .region = region};
    }
    images::Caller administrator(const std::string& region = "local-1") const {
        return {.account = caller().account, .region = region, .administrator = true};
    }
    const images::Pool& pool_of(const std::string& region) { return regions().get(region).pool; }
    StorageModel& model() { return model_; }

    /// The file that holds what the volume holds now: a guest says itself where it writes to.
    std::filesystem::path file_of(const ModelVolume& volume) {
        if (volume.attachment && model_.instance(volume.attachment->instance).runs) {
            return host()
                .active_file(volume.attachment->instance.str(), launcher::serial_of(volume.id))
                .value();
        }
        return pool_of(volume.region).path_of(volume_now(volume.id).layer.value());
    }

    /// What can be told from the catalog, the directories and the headers of files. The service
    /// must be idle.
    void expect_sound() {
        EXPECT_EQ(open_operation_count(), 0U);
        expect_catalog_as_model();
        for (const std::string& region : region_names_) {
            expect_layers_are_files(region);
            expect_layers_are_needed(region);
        }
        expect_guests_write_to_tops();
    }
    /// What the volumes and snapshots hold, and that no file is damaged: a process for each.
    void expect_contents() {
        for (const ModelVolume& volume : model_.volumes)
            expect_holds(volume.id.str(), file_of(volume), volume.disk);
        for (const ModelSnapshot& snapshot : model_.snapshots) {
            const LayerId layer = snapshot_now(snapshot.id).layer.value();
            expect_holds(snapshot.id.str(), pool_of(snapshot.region).path_of(layer), snapshot.disk);
        }
        for (const std::string& region : region_names_) {
            for (const LayerId& layer : pool_of(region).files())
                EXPECT_NO_THROW(images::qemu_img::check(pool_of(region).path_of(layer)));
        }
    }

    const std::vector<std::string>& region_names() const { return region_names_; }

  private:
    using Layers = std::map<LayerId, images::Layer>;

    Layers layers_of(const std::string& region) {
        Layers layers;
        read([&](Session& session) {
            layers.clear();
            for (const images::Layer& layer : images::all_layers(session, region))
                layers.emplace(layer.id, layer);
        });
        return layers;
    }

    void expect_catalog_as_model() {
        const std::set<std::string> expected = model_.describe();
        const std::set<std::string> found = describe_catalog();
        std::vector<std::string> missing;
        std::ranges::set_difference(expected, found, std::back_inserter(missing));
        std::vector<std::string> unexpected;
        std::ranges::set_difference(found, expected, std::back_inserter(unexpected));
        EXPECT_THAT(missing, testing::IsEmpty()) << "the model has these, and not the catalog";
        EXPECT_THAT(unexpected, testing::IsEmpty()) << "the catalog has these, and not the model";
    }
    std::set<std::string> describe_catalog() {
        std::set<std::string> lines;
        for (const std::string& region : region_names_) {
            const images::Scope in_region = caller_in(region).scope();
            read([&](Session& session) {
                for (const images::Volume& volume : images::all_volumes(session, region))
                    lines.insert(line_of(volume));
                for (const images::Snapshot& snapshot : images::list_snapshots(session, in_region))
                    lines.insert(line_of(snapshot));
                for (const images::Image& image : images::list_images(session, in_region, {}))
                    lines.insert(line_of(image));
            });
        }
        for (const images::Instance& instance :
             read([](Session& session) { return images::unfinished_instances(session); }))
            lines.insert(line_of(instance));
        return lines;
    }
    static std::string line_of(const images::Volume& row) {
        ModelVolume volume{.id = row.id, .region = row.region, .disk = {.size = row.size}};
        if (row.attachment) {
            volume.attachment =
                ModelAttachment{.instance = row.attachment->instance,
                                .device_name = row.attachment->device_name,
                                .delete_on_termination = row.attachment->delete_on_termination};
        }
        const bool is_settled = row.attachment
                                    ? row.state == images::VolumeState::in_use &&
                                          row.attachment->state == images::AttachmentState::attached
                                    : row.state == images::VolumeState::available;
        return describe(volume) +
               (is_settled ? "" : fmt::format(", but {}", images::to_text(row.state)));
    }
    static std::string line_of(const images::Snapshot& row) {
        const ModelSnapshot snapshot{
            .id = row.id, .region = row.region, .disk = {.size = row.volume_size}};
        if (row.state == images::SnapshotState::completed) return describe(snapshot);
        return fmt::format("{}, but {}: {}", describe(snapshot), images::to_text(row.state),
                           row.state_message);
    }
    static std::string line_of(const images::Image& row) {
        ModelImage image{.id = row.id, .region = row.region};
        for (const images::ImageBlockDevice& device : row.block_devices) {
            image.devices.push_back({.name = device.device_name,
                                     .snapshot = device.snapshot.value(),
                                     .size = device.volume_size,
                                     .delete_on_termination = device.delete_on_termination});
        }
        if (row.state == images::ImageState::available) return describe(image);
        return fmt::format("{}, but {}: {}", describe(image), images::to_text(row.state),
                           row.state_reason);
    }
    static std::string line_of(const images::Instance& row) {
        const ModelInstance instance{.id = row.id,
                                     .region = row.region,
                                     .runs = row.state == images::InstanceState::running};
        if (instance.runs || row.state == images::InstanceState::stopped) return describe(instance);
        return fmt::format("{}, but {}", describe(instance), images::to_text(row.state));
    }

    /// No layer's file is missing or leaked, and each stands on what its row says.
    void expect_layers_are_files(const std::string& region) {
        const images::Pool& pool = pool_of(region);
        const Layers layers = layers_of(region);
        for (const auto& [id, layer] : layers) {
            if (!pool.exists(id)) {
                ADD_FAILURE() << id.str() << " of " << region << " has no file";
                continue;
            }
            EXPECT_EQ(pool.parent_of(id), layer.parent) << id.str() << " of " << region;
            const auto backing = images::backing_file_of(pool.path_of(id));
            EXPECT_FALSE(layer.state == images::LayerState::frozen && backing &&
                         backing->has_parent_path())
                << id.str() << " names " << *backing;
            EXPECT_TRUE(!layer.parent || layers.contains(*layer.parent)) << id.str();
        }
        for (const auto& entry : std::filesystem::directory_iterator(pool.directory())) {
            const std::filesystem::path file = entry.path();
            const bool is_known = std::ranges::any_of(
                layers, [&](const auto& layer) { return pool.path_of(layer.first) == file; });
            EXPECT_TRUE(is_known) << file << " is no layer of the catalog";
        }
    }
    /// Every layer is below a volume or a snapshot; a volume's own is live, all others are frozen.
    void expect_layers_are_needed(const std::string& region) {
        const Layers layers = layers_of(region);
        std::set<LayerId> live;
        std::set<LayerId> needed;
        for (const ModelVolume& volume : model_.volumes) {
            if (volume.region != region) continue;
            const LayerId top = volume_now(volume.id).layer.value();
            live.insert(top);
            EXPECT_LE(add_chain(needed, layers, top), images::max_chain_depth) << volume.id.str();
        }
        for (const ModelSnapshot& snapshot : model_.snapshots) {
            if (snapshot.region != region) continue;
            EXPECT_LT(add_chain(needed, layers, snapshot_now(snapshot.id).layer.value()),
                      images::max_chain_depth)
                << snapshot.id.str();
        }
        for (const auto& [id, layer] : layers) {
            EXPECT_TRUE(needed.contains(id)) << id.str() << " of " << region << " is leaked";
            EXPECT_EQ(images::to_text(layer.state), live.contains(id) ? "live" : "frozen")
                << id.str() << " of " << region;
            const auto mode = std::filesystem::status(pool_of(region).path_of(id)).permissions();
            EXPECT_EQ(mode, std::filesystem::perms(live.contains(id) ? 0600 : 0400)) << id.str();
        }
    }
    /// Adds the layer and all below it, and answers how many these are.
    static std::size_t add_chain(std::set<LayerId>& needed, const Layers& layers,
                                 const LayerId& top) {
        std::size_t depth = 0;
        for (std::optional<LayerId> id = top; id && layers.contains(*id);
             id = layers.at(*id).parent) {
            needed.insert(*id);
            ++depth;
        }
        return depth;
    }
    void expect_guests_write_to_tops() {
        for (const ModelVolume& volume : model_.volumes) {
            if (!volume.attachment) continue;
            const InstanceId& instance = volume.attachment->instance;
            const auto file = host().active_file(instance.str(), launcher::serial_of(volume.id));
            EXPECT_EQ(file.has_value(), model_.instance(instance).runs) << volume.id.str();
            if (!file) continue;
            EXPECT_EQ(*file, pool_of(volume.region).path_of(volume_now(volume.id).layer.value()))
                << "of " << volume.id.str();
        }
    }

    /// Reads every block that was ever written, those beside them, the first and the last.
    void expect_holds(const std::string& id, const std::filesystem::path& file,
                      const ModelDisk& disk) {
        std::map<std::uint64_t, int> expected = disk.blocks;
        for (const auto& [block, pattern] : disk.blocks) {
            if (block + 1 < disk.block_count()) expected.try_emplace(block + 1, 0);
        }
        expected.try_emplace(0, 0);
        expected.try_emplace(disk.block_count() - 1, 0);
        std::vector<std::string> arguments{"qemu-io", "-r", "-f", "qcow2"};
        for (const auto& [block, pattern] : expected) {
            arguments.emplace_back("-c");
            arguments.push_back(fmt::format("read -q -P {} {} {}", pattern,
                                            block * ModelDisk::block_size, ModelDisk::block_size));
        }
        arguments.push_back(file.string());
        const ProcessResult result = run_process({.arguments = arguments});
        EXPECT_EQ(result.exit_status, 0)
            << id << " in " << file << " holds something else: " << result.standard_output
            << result.standard_error << described(expected);
    }
    static std::string described(const std::map<std::uint64_t, int>& blocks) {
        std::string text = "expected, by offset:";
        for (const auto& [block, pattern] : blocks)
            text += fmt::format(" {}={}", block * ModelDisk::block_size, pattern);
        return text;
    }

    std::filesystem::path far_pool_directory_ =
        std::filesystem::path("/dev/shm") / LayerId::generate().str();
    std::vector<std::string> region_names_{"local-1", "local-2", "local-3"};
    StorageModel model_;
};

}  // namespace kiln::tests
