#include "tests/integration/launcher/storage_operations.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/environment.hpp"

namespace kiln::tests {

namespace {

constexpr std::uint64_t default_seed = 20240914;
constexpr std::size_t remembered_operations = 30;
constexpr std::size_t most_under_way = 5;
constexpr int tries = 50;

constexpr std::size_t most_volumes = 16;
constexpr std::size_t most_volumes_of_instance = 5;

std::uint64_t seed_from_environment() {
    const std::string text = environment_variable("KILN_SEED");
    return text.empty() ? default_seed : std::stoull(text);
}

}  // namespace

StorageOperations::StorageOperations() : seed_(seed_from_environment()), random_(seed_) {
    host().let_pulls_take_long();
    const images::Image image = image_now(golden());
    const images::ImageBlockDevice& root = image.block_devices.at(0);
    model().snapshots.push_back(
        {.id = root.snapshot.value(), .region = image.region, .disk = {.size = root.volume_size}});
    model().images.push_back({.id = image.id,
                              .region = image.region,
                              .devices = {{.name = root.device_name,
                                           .snapshot = root.snapshot.value(),
                                           .size = root.volume_size,
                                           .delete_on_termination = true}}});
}

void StorageOperations::do_any() {
    static const std::vector<Kind> kinds{{6, &StorageOperations::create_volume},
                                         {16, &StorageOperations::write_blocks},
                                         {8, &StorageOperations::attach_volume},
                                         {6, &StorageOperations::detach_volume},
                                         {3, &StorageOperations::grow_volume},
                                         {4, &StorageOperations::delete_volume},
                                         {20, &StorageOperations::create_snapshot},
                                         {4, &StorageOperations::create_snapshots},
                                         {2, &StorageOperations::create_many_snapshots},
                                         {4, &StorageOperations::copy_snapshot},
                                         {3, &StorageOperations::copy_snapshot_and_delete_it},
                                         {12, &StorageOperations::delete_snapshot},
                                         {6, &StorageOperations::create_image},
                                         {1, &StorageOperations::register_image},
                                         {4, &StorageOperations::copy_image},
                                         {5, &StorageOperations::deregister_image},
                                         {6, &StorageOperations::run_instances},
                                         {6, &StorageOperations::start_instance},
                                         {4, &StorageOperations::stop_instance},
                                         {2, &StorageOperations::power_off_guest},
                                         {3, &StorageOperations::terminate_instance},
                                         {4, &StorageOperations::terminate_busy_instance},
                                         {6, &StorageOperations::stop_busy_instance},
                                         {6, &StorageOperations::delete_captured_volume},
                                         {6, &StorageOperations::cancel_copies},
                                         {2, &StorageOperations::collect_garbage},
                                         {6, &StorageOperations::restart_service},
                                         {2, &StorageOperations::restart_within_capture},
                                         {1, &StorageOperations::fail_capture},
                                         {1, &StorageOperations::fail_boot},
                                         {1, &StorageOperations::fail_attachment},
                                         {3, &StorageOperations::be_refused}};
    do_one_of(kinds);
}

void StorageOperations::delete_any() {
    static const std::vector<Kind> kinds{
        {2, &StorageOperations::detach_volume},   {4, &StorageOperations::delete_volume},
        {6, &StorageOperations::delete_snapshot}, {3, &StorageOperations::deregister_image},
        {1, &StorageOperations::stop_instance},   {2, &StorageOperations::terminate_instance},
        {1, &StorageOperations::collect_garbage}, {1, &StorageOperations::restart_service}};
    do_one_of(kinds);
}

void StorageOperations::do_one_of(const std::vector<Kind>& kinds) {
    const unsigned total =
        std::accumulate(kinds.begin(), kinds.end(), 0U,
                        [](unsigned sum, const Kind& kind) { return sum + kind.weight; });
    for (int i = 0; i < tries; ++i) {
        auto kind = kinds.begin();
        for (std::uint64_t left = below(total); left >= kind->weight; ++kind)
            left -= kind->weight;
        if (!(this->*kind->run)()) continue;
        ++done_count_;
        ++under_way_;
        if (under_way_ >= most_under_way || chance(40)) settle_and_check();
        return;
    }
    settle_and_check();  // all that is left is occupied
}

void StorageOperations::settle_all() {
    if (collection_.valid()) collection_.get();
    settle();
}

void StorageOperations::settle_and_check() {
    settle_all();
    for (const VolumeId& id : std::exchange(perhaps_made_, {}))
        forget_perhaps_made(id);
    occupied_.clear();
    in_use_.clear();
    captured_.clear();
    launching_.clear();
    arriving_images_.clear();
    arriving_snapshots_.clear();
    under_way_ = 0;
    expect_sound();
}

/// Whether it was made is a matter of time, and what comes next must not depend on that.
void StorageOperations::forget_perhaps_made(const VolumeId& id) {
    if (!is_deleted(id)) launcher().delete_volume(caller_in(model().volume(id).region), id);
    settle();
    model().forget_volume(id);
}

void StorageOperations::note(std::string line) {
    last_.push_back(fmt::format("{:5} {}{}", done_count_, under_way_ == 0 ? "" : "+ ", line));
    if (last_.size() > remembered_operations) last_.pop_front();
}

std::string StorageOperations::history() const {
    std::string text =
        fmt::format("KILN_SEED={}; the last operations (+ while others were under way):\n", seed_);
    for (const std::string& line : last_)
        text += line + "\n";
    return text;
}

void StorageOperations::occupy_volume(const ModelVolume& volume) {
    occupy(volume.id);
    if (volume.attachment) in_use_.insert(volume.attachment->instance.str());
}

ModelVolume* StorageOperations::pick_volume_to_capture() {
    ModelVolume* any = pick(model().volumes);
    if (any == nullptr || chance(50)) return any;
    return &*std::ranges::find_if(model().volumes,
                                  [&](const ModelVolume& volume) { return is_free(volume); });
}

// Volumes.

bool StorageOperations::create_volume() {
    if (model().volumes.size() >= most_volumes) return false;
    const ModelSnapshot* from = chance(70) ? pick(model().snapshots) : nullptr;
    const std::string region = from ? from->region : any_region();
    ModelDisk disk = from ? from->disk : ModelDisk{.size = Bytes::gibibytes(1)};
    launcher::CreateVolumeRequest wanted{.zone = region + "a"};
    if (from) wanted.snapshot = from->id;
    if (chance(25)) disk.size = disk.size + Bytes::gibibytes(1);
    if (!from || chance(50) || disk.size != from->disk.size) wanted.size = disk.size;
    const VolumeId id = launcher().create_volume(caller_in(region), wanted).id;
    note(fmt::format("create-volume {} of {} with {} GiB in {}", id.str(),
                     from ? from->id.str() : "nothing", disk.size.in_gibibytes(), region));
    model().volumes.push_back({.id = id, .region = region, .disk = disk});
    occupy(id);
    return true;
}

bool StorageOperations::write_blocks() {
    settle_and_check();
    ModelVolume* volume = pick_volume_to_capture();
    if (volume == nullptr) return false;
    write_to_blocks(*volume);
    return true;
}

/// What a guest would write, or somebody who has the volume in his hands.
void StorageOperations::write_to_blocks(ModelVolume& volume) {
    constexpr std::uint64_t crowded_blocks = 128;  // four clusters
    std::vector<std::string> arguments{"qemu-io", "-f", "qcow2"};
    std::string blocks;
    for (std::uint64_t i = 1 + below(4); i > 0; --i) {
        const std::uint64_t block = below(chance(80) ? crowded_blocks : volume.disk.block_count());
        const int pattern = chance(15) ? 0 : static_cast<int>(1 + below(255));
        arguments.emplace_back("-c");
        arguments.push_back(fmt::format("write -q {} {} {}",
                                        pattern == 0 ? "-z" : fmt::format("-P {}", pattern),
                                        block * ModelDisk::block_size, ModelDisk::block_size));
        volume.disk.blocks[block] = pattern;
        blocks += fmt::format(" {}={}", block * ModelDisk::block_size, pattern);
    }
    arguments.push_back(file_of(volume).string());
    run_checked({.arguments = arguments});
    note(fmt::format("write to {}, offset=pattern:{}", volume.id.str(), blocks));
}

std::string StorageOperations::free_device_of(const InstanceId& id) {
    const bool root_is_free = !has_root(id) && !occupied_.contains(place_of(id, root_device));
    if (root_is_free && chance(70)) return root_device;
    for (char letter = 'f'; letter <= 'p'; ++letter) {
        std::string device = std::string("/dev/sd") + letter;
        const bool is_free = !occupied_.contains(place_of(id, device));
        if (is_free && model().volume_at(id, device) == nullptr) return device;
    }
    throw std::logic_error(id.str() + " has too many volumes");
}

bool StorageOperations::attach_volume() {
    ModelVolume* volume =
        pick(model().volumes, [](const ModelVolume& one) { return !one.attachment; });
    if (volume == nullptr) return false;
    std::vector<ModelInstance*> takers;
    for (ModelInstance& instance : model().instances) {
        if (instance.region == volume->region && !occupied_.contains(instance.id.str()) &&
            model().volumes_of(instance.id).size() < most_volumes_of_instance)
            takers.push_back(&instance);
    }
    if (takers.empty()) return false;
    const InstanceId id = takers.at(below(takers.size()))->id;
    const std::string device = free_device_of(id);
    note(fmt::format("attach-volume {} to {} as {}", volume->id.str(), id.str(), device));
    launcher().attach_volume(caller_in(volume->region),
                             {.volume = volume->id, .instance = id, .device_name = device});
    volume->attachment =
        ModelAttachment{.instance = id, .device_name = device, .delete_on_termination = false};
    occupy_volume(*volume);
    return true;
}

bool StorageOperations::detach_volume() {
    ModelVolume* volume = pick(model().volumes, [&](const ModelVolume& one) {
        if (!one.attachment) return false;
        return one.attachment->device_name != root_device ||
               !model().instance(one.attachment->instance).runs;
    });
    if (volume == nullptr) return false;
    note(fmt::format("detach-volume {} from {}", volume->id.str(),
                     volume->attachment->instance.str()));
    launcher().detach_volume(caller_in(volume->region), {.volume = volume->id});
    occupy_volume(*volume);
    occupied_.insert(place_of(volume->attachment->instance, volume->attachment->device_name));
    volume->attachment.reset();
    return true;
}

bool StorageOperations::grow_volume() {
    ModelVolume* volume = pick(model().volumes);
    if (volume == nullptr) return false;
    volume->disk.size = volume->disk.size + Bytes::gibibytes(1);
    note(fmt::format("modify-volume {} to {} GiB", volume->id.str(),
                     volume->disk.size.in_gibibytes()));
    launcher().modify_volume(caller_in(volume->region),
                             {.volume = volume->id, .size = volume->disk.size});
    occupy_volume(*volume);
    return true;
}

bool StorageOperations::delete_volume() {
    ModelVolume* volume =
        pick(model().volumes, [](const ModelVolume& one) { return !one.attachment; });
    if (volume == nullptr) return false;
    note(fmt::format("delete-volume {}", volume->id.str()));
    launcher().delete_volume(caller_in(volume->region), volume->id);
    model().forget_volume(VolumeId(volume->id));
    return true;
}

/// Whoever asked for the snapshot before gets it.
bool StorageOperations::delete_captured_volume() {
    for (const VolumeId& id : captured_) {
        const auto volume = std::ranges::find(model().volumes, id, &ModelVolume::id);
        if (volume == model().volumes.end()) continue;
        note(fmt::format("delete-volume {}, perhaps while it is captured", id.str()));
        launcher().delete_volume(caller_in(volume->region), id);
        model().forget_volume(id);
        return true;
    }
    return false;
}

}  // namespace kiln::tests
