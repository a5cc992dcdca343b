#include "tests/integration/launcher/storage_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace kiln::tests {

namespace {

template <class Thing, class ThingId>
Thing& get(std::vector<Thing>& things, const ThingId& id) {
    const auto found = std::ranges::find(things, id, &Thing::id);
    if (found == things.end()) throw std::logic_error("the model has no " + id.str());
    return *found;
}

template <class Thing, class ThingId>
void forget(std::vector<Thing>& things, const ThingId& id) {
    std::erase_if(things, [&](const Thing& thing) { return thing.id == id; });
}

bool is_attached_to(const ModelVolume& volume, const InstanceId& id) {
    return volume.attachment && volume.attachment->instance == id;
}

}  // namespace

ModelVolume& StorageModel::volume(const VolumeId& id) {
    return get(volumes, id);
}

ModelSnapshot& StorageModel::snapshot(const SnapshotId& id) {
    return get(snapshots, id);
}

ModelImage& StorageModel::image(const ImageId& id) {
    return get(images, id);
}

ModelInstance& StorageModel::instance(const InstanceId& id) {
    return get(instances, id);
}

std::vector<ModelVolume*> StorageModel::volumes_of(const InstanceId& id) {
    std::vector<ModelVolume*> found;
    for (ModelVolume& volume : volumes) {
        if (is_attached_to(volume, id)) found.push_back(&volume);
    }
    return found;
}

ModelVolume* StorageModel::volume_at(const InstanceId& id, const std::string& device_name) {
    for (ModelVolume* volume : volumes_of(id)) {
        if (volume->attachment->device_name == device_name) return volume;
    }
    return nullptr;
}

bool StorageModel::is_mapped(const SnapshotId& id) const {
    return std::ranges::any_of(images, [&](const ModelImage& image) {
        return std::ranges::find(image.devices, id, &ModelDevice::snapshot) != image.devices.end();
    });
}

bool StorageModel::is_empty() const {
    return volumes.empty() && snapshots.empty() && images.empty() && instances.empty();
}

void StorageModel::take(const VolumeId& volume, const SnapshotId& snapshot) {
    const ModelVolume& source = this->volume(volume);
    snapshots.push_back({.id = snapshot, .region = source.region, .disk = source.disk});
}

void StorageModel::terminate(const InstanceId& id) {
    std::erase_if(volumes, [&](const ModelVolume& volume) {
        return is_attached_to(volume, id) && volume.attachment->delete_on_termination;
    });
    for (ModelVolume* volume : volumes_of(id))
        volume->attachment.reset();
    forget(instances, id);
}

void StorageModel::deregister(const ImageId& id, bool delete_snapshots) {
    const std::vector<ModelDevice> devices = image(id).devices;
    forget(images, id);
    for (const ModelDevice& device : devices) {
        if (delete_snapshots && !is_mapped(device.snapshot)) forget_snapshot(device.snapshot);
    }
}

void StorageModel::forget_volume(const VolumeId& id) {
    forget(volumes, id);
}

void StorageModel::forget_snapshot(const SnapshotId& id) {
    forget(snapshots, id);
}

std::set<std::string> StorageModel::describe() const {
    std::set<std::string> lines;
    for (const ModelVolume& volume : volumes)
        lines.insert(tests::describe(volume));
    for (const ModelSnapshot& snapshot : snapshots)
        lines.insert(tests::describe(snapshot));
    for (const ModelImage& image : images)
        lines.insert(tests::describe(image));
    for (const ModelInstance& instance : instances)
        lines.insert(tests::describe(instance));
    return lines;
}

std::string describe(const ModelVolume& volume) {
    const std::string line = fmt::format("{} in {} of {} GiB", volume.id.str(), volume.region,
                                         volume.disk.size.in_gibibytes());
    if (!volume.attachment) return line;
    return fmt::format("{}, attached to {} as {}{}", line, volume.attachment->instance.str(),
                       volume.attachment->device_name,
                       volume.attachment->delete_on_termination ? ", deleted with it" : "");
}

std::string describe(const ModelSnapshot& snapshot) {
    return fmt::format("{} in {} of {} GiB", snapshot.id.str(), snapshot.region,
                       snapshot.disk.size.in_gibibytes());
}

std::string describe(const ModelImage& image) {
    std::string line = fmt::format("{} in {}:", image.id.str(), image.region);
    for (const ModelDevice& device : image.devices) {
        line += fmt::format(" {} of {} with {} GiB{}", device.name, device.snapshot.str(),
                            device.size.in_gibibytes(),
                            device.delete_on_termination ? ", deleted with it;" : ";");
    }
    return line;
}

std::string describe(const ModelInstance& instance) {
    return fmt::format("{} in {} is {}", instance.id.str(), instance.region,
                       instance.runs ? "running" : "stopped");
}

}  // namespace kiln::tests
