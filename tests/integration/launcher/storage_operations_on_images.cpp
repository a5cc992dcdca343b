#include <algorithm>
#include <utility>

#include "tests/integration/launcher/storage_operations.hpp"

namespace kiln::tests {

namespace {

constexpr std::size_t most_snapshots = 32;
constexpr std::size_t most_images = 8;
constexpr int many = 6;

}  // namespace

// Snapshots.

bool StorageOperations::create_snapshot() {
    const ModelVolume* volume = pick_volume_to_capture();
    if (volume == nullptr || model().snapshots.size() >= most_snapshots) return false;
    const SnapshotId id =
        launcher().create_snapshot(caller_in(volume->region), {.volume = volume->id}).id;
    note(fmt::format("create-snapshot {} of {}", id.str(), volume->id.str()));
    model().take(volume->id, id);
    occupy(id);
    occupy_volume(*volume);
    if (!volume->attachment) captured_.push_back(volume->id);
    return true;
}

bool StorageOperations::create_snapshots() {
    const ModelInstance* instance = pick(model().instances, [&](const ModelInstance& one) {
        return !model().volumes_of(one.id).empty();
    });
    if (instance == nullptr || model().snapshots.size() >= most_snapshots) return false;
    launcher::CreateSnapshotsRequest wanted{.instance = instance->id};
    wanted.exclude_boot_volume =
        has_root(instance->id) && model().volumes_of(instance->id).size() > 1 && chance(30);
    for (const images::Snapshot& made :
         launcher().create_snapshots(caller_in(instance->region), wanted)) {
        note(fmt::format("create-snapshots {} of {} of {}", made.id.str(), made.volume->str(),
                         instance->id.str()));
        model().take(*made.volume, made.id);
        occupy(made.id);
    }
    occupy(instance->id);
    return true;
}

/// So many that the chain is pulled short.
bool StorageOperations::create_many_snapshots() {
    settle_and_check();
    ModelVolume* volume = pick_running_volume();
    if (volume == nullptr) volume = pick_volume_to_capture();
    if (volume == nullptr) return false;
    for (int i = 0; i < many; ++i) {
        write_to_blocks(*volume);
        const SnapshotId id =
            launcher().create_snapshot(caller_in(volume->region), {.volume = volume->id}).id;
        note(fmt::format("create-snapshot {} of {}", id.str(), volume->id.str()));
        model().take(volume->id, id);
        settle();
    }
    settle_and_check();
    return true;
}

void StorageOperations::copy_snapshot_to(const std::string& region, const ModelSnapshot& source) {
    ModelSnapshot copy = source;
    copy.region = region;
    copy.id = launcher().copy_snapshot(caller_in(region),
                                       {.source_region = source.region, .source = source.id});
    note(fmt::format("copy-snapshot {} of {} from {} to {}", copy.id.str(), source.id.str(),
                     source.region, region));
    occupy(copy.id);
    arriving_snapshots_.push_back(copy.id);
    model().snapshots.push_back(std::move(copy));
}

bool StorageOperations::copy_snapshot() {
    const ModelSnapshot* source = pick(model().snapshots);
    if (source == nullptr || model().snapshots.size() >= most_snapshots) return false;
    copy_snapshot_to(any_region(), *source);
    return true;
}

/// What is read for a copy stays until that has ended.
bool StorageOperations::copy_snapshot_and_delete_it() {
    const ModelSnapshot* source = pick(
        model().snapshots, [&](const ModelSnapshot& one) { return !model().is_mapped(one.id); });
    if (source == nullptr) return false;
    const SnapshotId id = source->id;
    const std::string region = any_region();
    // The copy does not begin before the source is gone. Within a region the request itself reads.
    launcher::ChainGuard::Hold held;
    if (region != source->region) {
        held = regions().get(region).chains->try_exclude(std::chrono::seconds(0));
    }
    copy_snapshot_to(region, *source);
    return delete_snapshot(model().snapshot(id));
}

bool StorageOperations::delete_snapshot() {
    const ModelSnapshot* snapshot = pick(model().snapshots);
    return snapshot != nullptr && delete_snapshot(*snapshot);
}

bool StorageOperations::delete_snapshot(const ModelSnapshot& snapshot) {
    const SnapshotId id = snapshot.id;
    const bool is_mapped = model().is_mapped(id);
    note(fmt::format("delete-snapshot {}{}", id.str(), is_mapped ? ", which is refused" : ""));
    const std::string code =
        error_code_of([&] { launcher().delete_snapshot(caller_in(snapshot.region), id); });
    EXPECT_EQ(code, is_mapped ? "InvalidSnapshot.InUse" : "");
    if (!is_mapped) model().forget_snapshot(id);
    return true;
}

// Images.

/// Sometimes an image leaves a volume out.
std::vector<launcher::BlockDeviceOverride> StorageOperations::left_out_of(
    const InstanceId& instance) {
    std::vector<launcher::BlockDeviceOverride> left_out;
    for (const ModelVolume* volume : model().volumes_of(instance)) {
        const std::string& device = volume->attachment->device_name;
        if (device != root_device && chance(20))
            left_out.push_back({.device_name = device, .no_device = true});
    }
    return left_out;
}

/// The catalog says which snapshot is to be of which device; the rest is known.
void StorageOperations::add_captured_image(const ImageId& id, const InstanceId& instance) {
    ModelImage image{.id = id, .region = model().instance(instance).region};
    for (const images::ImageBlockDevice& device : image_now(id).block_devices) {
        const ModelVolume* volume = model().volume_at(instance, device.device_name);
        image.devices.push_back(
            {.name = device.device_name,
             .snapshot = device.snapshot.value(),
             .size = volume->disk.size,
             .delete_on_termination = volume->attachment->delete_on_termination});
        occupy(*device.snapshot);
        model().take(volume->id, *device.snapshot);
    }
    occupy(id);
    model().images.push_back(std::move(image));
}

bool StorageOperations::create_image() {
    const ModelInstance* instance =
        pick(model().instances, [&](const ModelInstance& one) { return has_root(one.id); });
    if (instance == nullptr || model().images.size() >= most_images) return false;
    const launcher::CreateImageRequest wanted{.instance = instance->id,
                                              .name = new_name(),
                                              .no_reboot = chance(50),
                                              .block_devices = left_out_of(instance->id)};
    const ImageId id = launcher().create_image(caller_in(instance->region), wanted);
    note(fmt::format("create-image {} of {}{}, {} volumes left out", id.str(), instance->id.str(),
                     wanted.no_reboot ? " --no-reboot" : "", wanted.block_devices.size()));
    add_captured_image(id, instance->id);
    occupy(instance->id);
    return true;
}

/// So that two images map one snapshot.
bool StorageOperations::register_image() {
    const ModelSnapshot* root = pick(model().snapshots);
    if (root == nullptr || model().images.size() >= most_images) return false;
    const launcher::RegisterImageRequest wanted{
        .name = new_name(),
        .root_device_name = root_device,
        .block_devices = {{.device_name = root_device, .snapshot = root->id}}};
    const ImageId id = launcher().register_image(caller_in(root->region), wanted);
    note(fmt::format("register-image {} with {}", id.str(), root->id.str()));
    model().images.push_back({.id = id,
                              .region = root->region,
                              .devices = {{.name = root_device,
                                           .snapshot = root->id,
                                           .size = root->disk.size,
                                           .delete_on_termination = true}}});
    return true;
}

bool StorageOperations::copy_image() {
    const ModelImage* source = pick(model().images);
    if (source == nullptr || model().images.size() >= most_images) return false;
    ModelImage copy = *source;
    copy.region = any_region();
    copy.id = launcher().copy_image(
        caller_in(copy.region),
        {.source_region = source->region, .source = source->id, .name = new_name()});
    note(fmt::format("copy-image {} of {} from {} to {}", copy.id.str(), source->id.str(),
                     source->region, copy.region));
    const auto devices = image_now(copy.id).block_devices;
    for (ModelDevice& device : copy.devices) {
        const auto row =
            std::ranges::find(devices, device.name, &images::ImageBlockDevice::device_name);
        ModelSnapshot snapshot = model().snapshot(device.snapshot);
        snapshot.id = row->snapshot.value();
        snapshot.region = copy.region;
        device.snapshot = snapshot.id;
        occupy(snapshot.id);
        model().snapshots.push_back(std::move(snapshot));
    }
    occupy(copy.id);
    arriving_images_.push_back(copy.id);
    model().images.push_back(std::move(copy));
    return true;
}

bool StorageOperations::deregister_image() {
    const ModelImage* image = pick(model().images);
    return image != nullptr && deregister(*image, chance(60));
}

bool StorageOperations::deregister(const ModelImage& image, bool delete_snapshots) {
    const ImageId id = image.id;
    note(fmt::format("deregister-image {}{}", id.str(),
                     delete_snapshots ? " with its snapshots" : ""));
    launcher().deregister_image(caller_in(image.region), id, delete_snapshots);
    model().deregister(id, delete_snapshots);
    return true;
}

/// Whether they have arrived already or not, nothing of them is to be left.
bool StorageOperations::cancel_copies() {
    if (arriving_images_.empty() && arriving_snapshots_.empty()) return false;
    for (const ImageId& id : std::exchange(arriving_images_, {}))
        deregister(model().image(id), true);
    for (const SnapshotId& id : std::exchange(arriving_snapshots_, {}))
        delete_snapshot(model().snapshot(id));
    return true;
}

}  // namespace kiln::tests
