#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"

namespace kiln::tests {

/// What a disk holds, by the numbers of its blocks of 4 KiB: each is full of one byte. A block that
/// is not named was never written, and reads as zeros.
struct ModelDisk {
    static constexpr std::uint64_t block_size = 4096;

    Bytes size;
    std::map<std::uint64_t, int> blocks;

    std::uint64_t block_count() const { return size.value / block_size; }
};

struct ModelAttachment {
    InstanceId instance;
    std::string device_name;
    bool delete_on_termination;
};

struct ModelVolume {
    VolumeId id;
    std::string region;
    ModelDisk disk;
    std::optional<ModelAttachment> attachment;
};

struct ModelSnapshot {
    SnapshotId id;
    std::string region;
    ModelDisk disk;
};

/// One entry of an image's block device mapping.
struct ModelDevice {
    std::string name;
    SnapshotId snapshot;
    Bytes size;
    bool delete_on_termination;
};

struct ModelImage {
    ImageId id;
    std::string region;
    std::vector<ModelDevice> devices;
};

struct ModelInstance {
    InstanceId id;
    std::string region;
    bool runs;
};

/// What the requests so far have made of everything that a catalog with its pools holds, without
/// layers: each volume and snapshot has its content by itself. All stand in the order in which they
/// were made, so that the same choices by index are the same choices whatever the ids are.
struct StorageModel {
    std::vector<ModelVolume> volumes;
    std::vector<ModelSnapshot> snapshots;
    std::vector<ModelImage> images;
    std::vector<ModelInstance> instances;

    ModelVolume& volume(const VolumeId& id);
    ModelSnapshot& snapshot(const SnapshotId& id);
    ModelImage& image(const ImageId& id);
    ModelInstance& instance(const InstanceId& id);

    std::vector<ModelVolume*> volumes_of(const InstanceId& id);
    /// nullptr when nothing is attached there.
    ModelVolume* volume_at(const InstanceId& id, const std::string& device_name);
    bool is_mapped(const SnapshotId& id) const;
    bool is_empty() const;

    /// A snapshot of the volume as it is now.
    void take(const VolumeId& volume, const SnapshotId& snapshot);
    /// The instance goes, with the volumes that are to be deleted with it.
    void terminate(const InstanceId& id);
    /// The image goes, on request with its snapshots that no other image maps.
    void deregister(const ImageId& id, bool delete_snapshots);
    void forget_volume(const VolumeId& id);
    void forget_snapshot(const SnapshotId& id);

    /// A line for each thing, without contents.
    std::set<std::string> describe() const;
};

/// The lines that describe() has, for whoever reads the same out of the catalog.
std::string describe(const ModelVolume& volume);
std::string describe(const ModelSnapshot& snapshot);
std::string describe(const ModelImage& image);
std::string describe(const ModelInstance& instance);

}  // namespace kiln::tests
