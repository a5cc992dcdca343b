#include <algorithm>

#include "tests/integration/launcher/storage_operations.hpp"

namespace kiln::tests {

namespace {

constexpr std::size_t most_instances = 5;
constexpr const char* added_device = "/dev/sdz";

Error unavailable() {
    return {error_code::unavailable, "", "libvirtd does not answer"};
}

Error broken() {
    return {error_code::internal_error, "", "the disk is broken"};
}

}  // namespace

// Instances.

/// The devices of the model's image, changed by the request.
void StorageOperations::add_launched(const InstanceId& id, const ModelImage& from) {
    model().instances.push_back({.id = id, .region = from.region, .runs = true});
    occupy(id);
    launching_.insert(id);
    for (const images::Volume& row : volumes(id)) {
        const auto device =
            std::ranges::find(from.devices, row.attachment->device_name, &ModelDevice::name);
        ModelVolume volume{
            .id = row.id,
            .region = from.region,
            .disk = model().snapshot(device->snapshot).disk,
            .attachment = ModelAttachment{.instance = id,
                                          .device_name = device->name,
                                          .delete_on_termination = device->delete_on_termination}};
        volume.disk.size = device->size;
        model().volumes.push_back(std::move(volume));
    }
}

/// Sometimes a launch adds a volume of a snapshot, or makes the root larger. The model's image is
/// changed as the request is.
void StorageOperations::change_devices(ModelImage& image, launcher::RunInstancesRequest& request) {
    const auto has_device = [&](const char* name) {
        return std::ranges::find(image.devices, name, &ModelDevice::name) != image.devices.end();
    };
    const ModelSnapshot* added = pick(
        model().snapshots, [&](const ModelSnapshot& one) { return one.region == image.region; });
    if (added != nullptr && chance(30) && !has_device(added_device)) {
        const bool goes = chance(50);
        image.devices.push_back({.name = added_device,
                                 .snapshot = added->id,
                                 .size = added->disk.size,
                                 .delete_on_termination = goes});
        request.block_devices.push_back(
            {.device_name = added_device, .snapshot = added->id, .delete_on_termination = goes});
    }
    if (!chance(20)) return;
    ModelDevice& root = *std::ranges::find(image.devices, root_device, &ModelDevice::name);
    root.size = root.size + Bytes::gibibytes(1);
    request.block_devices.push_back({.device_name = root_device, .volume_size = root.size});
}

bool StorageOperations::run_instances() {
    const ModelImage* image = pick(model().images);
    if (image == nullptr || model().instances.size() >= most_instances) return false;
    ModelImage from = *image;
    launcher::RunInstancesRequest wanted{
        .image = image->id, .instance_type = "t3.micro", .max_count = chance(20) ? 2 : 1};
    change_devices(from, wanted);
    for (const images::Instance& made :
         launcher().run_instances(caller_in(from.region), wanted).instances) {
        note(fmt::format("run-instances {} of {} with {} changed devices", made.id.str(),
                         from.id.str(), wanted.block_devices.size()));
        add_launched(made.id, from);
    }
    return true;
}

bool StorageOperations::start_instance() {
    ModelInstance* instance = pick(
        model().instances, [&](const ModelInstance& one) { return !one.runs && has_root(one.id); });
    if (instance == nullptr) return false;
    note(fmt::format("start-instances {}", instance->id.str()));
    launcher().start_instances(caller_in(instance->region), {instance->id});
    instance->runs = true;
    occupy(instance->id);
    return true;
}

bool StorageOperations::stop_instance() {
    ModelInstance* instance =
        pick(model().instances, [](const ModelInstance& one) { return one.runs; });
    if (instance == nullptr) return false;
    note(fmt::format("stop-instances {}", instance->id.str()));
    launcher().stop_instances(caller_in(instance->region), {instance->id}, chance(30));
    instance->runs = false;
    occupy(instance->id);
    return true;
}

bool StorageOperations::power_off_guest() {
    ModelInstance* instance =
        pick(model().instances, [](const ModelInstance& one) { return one.runs; });
    if (instance == nullptr) return false;
    note(fmt::format("the guest of {} powers off", instance->id.str()));
    host().guest_powers_off(instance->id.str());
    instance->runs = false;
    occupy(instance->id);
    return true;
}

void StorageOperations::terminate(const ModelInstance& instance) {
    note(fmt::format("terminate-instances {}", instance.id.str()));
    launcher().terminate_instances(caller_in(instance.region), {instance.id});
    for (const ModelVolume* volume : model().volumes_of(instance.id)) {
        occupied_.insert(place_of(instance.id, volume->attachment->device_name));
        occupy(volume->id);
    }
    model().terminate(InstanceId(instance.id));
}

bool StorageOperations::terminate_instance() {
    const ModelInstance* instance = pick(model().instances);
    if (instance == nullptr) return false;
    for (ModelVolume* volume : model().volumes_of(instance->id)) {
        if (!chance(30)) continue;
        bool& goes = volume->attachment->delete_on_termination;
        goes = !goes;
        launcher().modify_instance_attribute(
            caller_in(instance->region),
            {.instance = instance->id,
             .block_devices = {
                 {.device_name = volume->attachment->device_name, .delete_on_termination = goes}}});
    }
    terminate(*instance);
    return true;
}

/// It may be launched, started, stopped or captured just now. A launch that did not begin makes no
/// volumes.
bool StorageOperations::terminate_busy_instance() {
    const auto instance = std::ranges::find_if(
        model().instances, [&](const ModelInstance& one) { return !is_free(one); });
    if (instance == model().instances.end()) return false;
    for (const ModelVolume* volume : model().volumes_of(instance->id)) {
        const bool outlives = !volume->attachment->delete_on_termination;
        if (outlives && launching_.contains(instance->id)) perhaps_made_.push_back(volume->id);
    }
    terminate(*instance);
    return true;
}

/// While its volumes are captured, attached or detached.
bool StorageOperations::stop_busy_instance() {
    const auto instance = std::ranges::find_if(model().instances, [&](const ModelInstance& one) {
        return one.runs && in_use_.contains(one.id.str()) && !occupied_.contains(one.id.str());
    });
    if (instance == model().instances.end()) return false;
    note(fmt::format("stop-instances {}", instance->id.str()));
    launcher().stop_instances(caller_in(instance->region), {instance->id}, chance(30));
    instance->runs = false;
    occupy(instance->id);
    return true;
}

// The service.

/// While other requests come, or for itself.
bool StorageOperations::collect_garbage() {
    if (collection_.valid()) return false;
    const std::string region = any_region();
    note(fmt::format("gc of {}", region));
    collection_ = std::async(std::launch::async,
                             [this, region] { launcher().collect_garbage(administrator(region)); });
    if (chance(50)) settle_and_check();
    return true;
}

/// With jobs under way, which the next start finishes; or with guests that power off meanwhile.
bool StorageOperations::restart_service() {
    if (collection_.valid()) collection_.get();
    if (chance(20)) settle_and_check();
    note("restart of the service");
    ModelInstance* gone =
        chance(50) ? pick(model().instances, [](const ModelInstance& one) { return one.runs; })
                   : nullptr;
    stop_service();
    if (gone != nullptr) {
        note(fmt::format("meanwhile the guest of {} powers off", gone->id.str()));
        host().guest_vanishes(gone->id.str());
        gone->runs = false;
    }
    start_service();
    settle_and_check();
    return true;
}

ModelVolume* StorageOperations::pick_running_volume() {
    return pick(model().volumes, [&](const ModelVolume& one) {
        return one.attachment && model().instance(one.attachment->instance).runs;
    });
}

/// The connection to libvirt breaks in the moment of the switch, before it or after it.
bool StorageOperations::restart_within_capture() {
    settle_and_check();
    const ModelVolume* volume = pick_running_volume();
    if (volume == nullptr) return false;
    const bool was_switched = chance(50);
    was_switched ? host().fail_after_next("snapshot_disks", unavailable())
                 : host().fail_next("snapshot_disks", unavailable());
    std::promise<void> reached;
    host().before_next("snapshot_disks", [&reached] { reached.set_value(); });
    const SnapshotId id =
        launcher().create_snapshot(caller_in(volume->region), {.volume = volume->id}).id;
    note(fmt::format("create-snapshot {} of {}, cut off {} the switch", id.str(), volume->id.str(),
                     was_switched ? "after" : "before"));
    model().take(volume->id, id);
    reached.get_future().get();
    stop_service();
    start_service();
    settle_and_check();
    return true;
}

bool StorageOperations::fail_capture() {
    settle_and_check();
    const ModelVolume* volume = pick_running_volume();
    if (volume == nullptr) return false;
    host().fail_next("snapshot_disks", broken());
    const images::Caller owner = caller_in(volume->region);
    const SnapshotId id = launcher().create_snapshot(owner, {.volume = volume->id}).id;
    note(fmt::format("create-snapshot {} of {}, which fails", id.str(), volume->id.str()));
    settle_all();
    EXPECT_EQ(snapshot_now(id).state, images::SnapshotState::error);
    launcher().delete_snapshot(owner, id);
    settle_and_check();
    return true;
}

bool StorageOperations::fail_boot() {
    settle_and_check();
    ModelInstance* instance = pick(
        model().instances, [&](const ModelInstance& one) { return !one.runs && has_root(one.id); });
    const ModelImage* image = pick(model().images);
    if (instance == nullptr && image == nullptr) return false;
    host().fail_next("start_domain", broken());
    if (instance != nullptr) {
        note(fmt::format("start-instances {}, which fails", instance->id.str()));
        launcher().start_instances(caller_in(instance->region), {instance->id});
    } else {
        note(fmt::format("run-instances of {}, which fails", image->id.str()));
        launcher().run_instances(caller_in(image->region),
                                 {.image = image->id, .instance_type = "t3.micro"});
    }
    settle_and_check();
    return true;
}

bool StorageOperations::fail_attachment() {
    settle_and_check();
    const ModelVolume* volume =
        pick(model().volumes, [](const ModelVolume& one) { return !one.attachment; });
    if (volume == nullptr) return false;
    const ModelInstance* instance = pick(model().instances, [&](const ModelInstance& one) {
        return one.runs && one.region == volume->region;
    });
    if (instance == nullptr) return false;
    host().fail_next("attach_disk", broken());
    note(fmt::format("attach-volume {} to {}, which fails", volume->id.str(), instance->id.str()));
    launcher().attach_volume(caller_in(volume->region),
                             {.volume = volume->id,
                              .instance = instance->id,
                              .device_name = free_device_of(instance->id)});
    settle_and_check();
    return true;
}

bool StorageOperations::be_refused() {
    const ModelVolume* volume = pick(model().volumes);
    if (volume == nullptr) return false;
    const images::Caller owner = caller_in(volume->region);
    note(fmt::format("requests for {} that are refused", volume->id.str()));
    EXPECT_EQ(error_code_of([&] {
                  launcher().modify_volume(
                      owner, {.volume = volume->id,
                              .size = Bytes{volume->disk.size.value - Bytes::mebibytes(1).value}});
              }),
              "InvalidParameterValue");
    if (volume->attachment) {
        EXPECT_EQ(error_code_of([&] { launcher().delete_volume(owner, volume->id); }),
                  "VolumeInUse");
    } else {
        EXPECT_EQ(error_code_of([&] { launcher().detach_volume(owner, {.volume = volume->id}); }),
                  "IncorrectState");
    }
    return true;
}

}  // namespace kiln::tests
