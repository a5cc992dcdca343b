#include "launcher/bundles/stored_image_jobs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "images/bundles/frame.hpp"
#include "images/bundles/stored_image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/usage.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/qemu_img.hpp"
#include "launcher/bundles/bundles.hpp"
#include "launcher/bundles/image_document.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::ImageState;
using images::StoreTaskState;

constexpr int percent_before_end = 99;
constexpr const char* slot = "stored images";

}  // namespace

std::string to_json(const Storing& storing) {
    nlohmann::json layers = nlohmann::json::array();
    for (const LayerId& layer : storing.layers)
        layers.push_back(layer.str());
    return nlohmann::json{{"image", storing.image.str()},
                          {"bucket", storing.bucket},
                          {"document", storing.document},
                          {"layers", layers}}
        .dump();
}

Storing parse_storing(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    Storing storing{.image = ImageId(document.at("image").get<std::string>()),
                    .bucket = document.at("bucket").get<std::string>(),
                    .document = document.at("document").get<std::string>()};
    for (const nlohmann::json& layer : document.at("layers"))
        storing.layers.emplace_back(layer.get<std::string>());
    return storing;
}

std::string to_json(const Restoration& restoration) {
    nlohmann::json snapshots = nlohmann::json::array();
    for (const SnapshotId& snapshot : restoration.snapshots)
        snapshots.push_back(snapshot.str());
    return nlohmann::json{{"image", restoration.image.str()},
                          {"bucket", restoration.object.bucket},
                          {"key", restoration.object.key},
                          {"document", restoration.document},
                          {"snapshots", snapshots}}
        .dump();
}

Restoration parse_restoration(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    Restoration restoration{.image = ImageId(document.at("image").get<std::string>()),
                            .object = {.bucket = document.at("bucket").get<std::string>(),
                                       .key = document.at("key").get<std::string>()},
                            .document = document.at("document").get<std::string>()};
    for (const nlohmann::json& snapshot : document.at("snapshots"))
        restoration.snapshots.emplace_back(snapshot.get<std::string>());
    return restoration;
}

void withdraw_restoration(Session& session, const images::Operation& operation, Time now) {
    const Restoration restoration = parse_restoration(operation.payload);
    images::set_image_block_devices(session, restoration.image, {});
    for (const SnapshotId& snapshot : restoration.snapshots) {
        images::delete_all_tags(session, snapshot.str());
        images::delete_snapshot(session, snapshot, now);
    }
    images::delete_operation(session, operation.id);
}

bool StoredImageJobs::knows(const std::string& operation_kind) {
    return operation_kind == operation_kind::store_image ||
           operation_kind == operation_kind::restore_image;
}

void StoredImageJobs::add(const images::Operation& operation) {
    use_.executor.add_for_all({operation.resource_id, slot}, [this, operation] { run(operation); });
}

void StoredImageJobs::cancel(const images::Operation& operation) {
    const std::lock_guard lock(mutex_);
    const auto running = running_.find(operation.resource_id);
    if (running != running_.end()) running->second->stop.request_stop();
}

std::optional<int> StoredImageJobs::percent_stored(const ImageId& image) const {
    const std::lock_guard lock(mutex_);
    const auto found = running_.find(image.str());
    if (found == running_.end()) return std::nullopt;
    return std::min(found->second->percent.load(), percent_before_end);
}

void StoredImageJobs::run(const images::Operation& operation) {
    const auto running = std::make_shared<Running>();
    {
        const std::lock_guard lock(mutex_);
        running_.insert_or_assign(operation.resource_id, running);
    }
    Rollback at_the_end;
    at_the_end.add([&] {
        const std::lock_guard lock(mutex_);
        running_.erase(operation.resource_id);
    });
    const bool is_open = use_.database.read(
        [&](Session& session) { return images::operation_is_open(session, operation.id); });
    if (!is_open) return;
    const std::stop_callback with_service(use_.pause.token(),
                                          [&] { running->stop.request_stop(); });
    if (operation.kind == operation_kind::store_image) {
        store(operation, *running);
    } else {
        restore(operation, running->stop.get_token());
    }
}

void StoredImageJobs::store(const images::Operation& operation, Running& running) {
    const Storing storing = parse_storing(operation.payload);
    const auto task = use_.database.read([&](Session& session) {
        return images::find_store_image_task(session, storing.image, storing.bucket);
    });
    std::string failure;
    try {
        if (task) write_object(storing, *task, running);
    } catch (const std::exception& error) {
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        log::error("storing {} failed: {}", storing.image.str(), error.what());
        failure = error.what();
    }
    end_store(operation, failure);
}

void StoredImageJobs::write_object(const Storing& storing, const images::StoreImageTask& task,
                                   Running& running) {
    const Region& region = use_.regions.get(task.region);
    images::StoredImage stored{.document = storing.document};
    Rollback raw_files;
    raw_files.add([&] {
        for (const auto& file : stored.files)
            remove_file(file);
    });
    for (const LayerId& layer : storing.layers) {
        stored.files.push_back(region.pool.directory() /
                               fmt::format("{}-{}.raw", task.image.str(), stored.files.size()));
        flatten(use_, region, layer, stored.files.back(), running.stop.get_token());
    }
    const auto tell = [&](const images::Progress& progress) {
        constexpr std::uint64_t whole = 100;
        running.percent = static_cast<int>(progress.done.value * whole /
                                           std::max<std::uint64_t>(progress.total.value, 1));
    };
    check_store_space(use_, stored.files);
    images::write_stored_image(store_, {.bucket = task.bucket, .key = task.object_key}, stored,
                               tell, running.stop.get_token());
}

void StoredImageJobs::end_store(const images::Operation& operation,
                                const std::string& failure) const {
    const Storing storing = parse_storing(operation.payload);
    const Time now = use_.clock.now();
    std::string region;
    use_.database.write([&](Session& session) {
        auto task = images::find_store_image_task(session, storing.image, storing.bucket);
        images::delete_operation(session, operation.id);
        if (!task) return;
        region = task->region;
        task->state = failure.empty() ? StoreTaskState::completed : StoreTaskState::failed;
        task->failure = failure;
        images::put_store_image_task(session, *task);
        if (!failure.empty()) return;
        const images::ObjectName object{.bucket = task->bucket, .key = task->object_key};
        images::meter_bundle_start(session,
                                   {.location = to_text(object),
                                    .owner = task->owner,
                                    .region = task->region,
                                    .size = store_.size(object)},
                                   now);
    });
    if (!region.empty()) {
        images::collect_layers(use_.database, use_.regions.get(region).pool, region);
    }
}

void StoredImageJobs::restore(const images::Operation& operation, const std::stop_token& stop) {
    const Restoration restoration = parse_restoration(operation.payload);
    const auto image = use_.database.read(
        [&](Session& session) { return images::find_image(session, restoration.image); });
    if (!image) return;
    try {
        const Region& region = use_.regions.get(image->region);
        const std::vector<Disk> disks = unpack(operation, restoration, region, stop);
        if (!publish(operation, restoration, region, disks)) drop_layers(region, disks);
    } catch (const std::exception& error) {
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        fail_restoration(operation, restoration, error.what());
    }
}

/// false when it was canceled.
bool StoredImageJobs::publish(const images::Operation& operation, const Restoration& restoration,
                              const Region& region, const std::vector<Disk>& disks) const {
    const Time now = use_.clock.now();
    return use_.database.write([&](Session& session) {
        if (!images::operation_is_open(session, operation.id)) return false;
        for (std::size_t i = 0; i < disks.size(); ++i) {
            const LayerId& layer = disks[i].layer;
            images::set_layer_state(session, region.name, layer, images::LayerState::frozen);
            images::set_layer_size(session, region.name, layer, disks[i].size);
            images::complete_snapshot(
                session, restoration.snapshots.at(i),
                {.layer = layer, .stored_size = region.pool.allocated_size(layer)}, now);
        }
        images::set_image_state(session, restoration.image, ImageState::available);
        images::delete_operation(session, operation.id);
        return true;
    });
}

/// The layers of the disks are there as files then, their rows still being made.
std::vector<StoredImageJobs::Disk> StoredImageJobs::unpack(const images::Operation& operation,
                                                           const Restoration& restoration,
                                                           const Region& region,
                                                           const std::stop_token& stop) const {
    const ImageDocument read = parse_document(restoration.document, restoration.snapshots.size());
    std::vector<Disk> disks;
    for (std::size_t i = 0; i < read.is_file.size(); ++i) {
        if (!read.is_file[i]) continue;
        disks.push_back(
            {.layer = LayerId::generate(), .size = read.image.block_devices[i].volume_size});
    }
    use_.database.write([&](Session& session) {
        for (const Disk& disk : disks) {
            images::insert_layer(session, {.id = disk.layer,
                                           .region = region.name,
                                           .parent = std::nullopt,
                                           .state = images::LayerState::creating,
                                           .virtual_size = disk.size,
                                           .created = operation.created});
        }
    });
    Rollback undo;
    undo.add([&] { drop_layers(region, disks); });
    make_layers(region, restoration, disks, stop);
    undo.commit();
    return disks;
}

void StoredImageJobs::make_layers(const Region& region, const Restoration& restoration,
                                  std::vector<Disk>& disks, const std::stop_token& stop) const {
    images::StoredImage stored{.document = restoration.document};
    Bytes total;
    for (const Disk& disk : disks) {
        stored.files.push_back(region.pool.raw_path_of(disk.layer));
        total = total + disk.size;
    }
    region.pool.check_space(store_.size(restoration.object), use_.free_space_reserve);
    // How much the disks occupy is not known before they are unpacked.
    const auto keep_reserve = [&](const images::Progress&) {
        region.pool.check_space(images::frame_size, use_.free_space_reserve);
    };
    Rollback raw_files;
    raw_files.add([&] {
        for (const auto& file : stored.files)
            remove_file(file);
    });
    images::unpack_stored_image(store_, restoration.object, stored, total, keep_reserve, stop);
    for (std::size_t i = 0; i < disks.size(); ++i) {
        const Bytes size{std::filesystem::file_size(stored.files[i])};
        if (size > disks[i].size) {
            throw Error(images::invalid_image_file, to_text(restoration.object),
                        fmt::format("'{}' has a disk that is larger than its document says",
                                    to_text(restoration.object)));
        }
        disks[i].size = size;
        region.pool.check_space(allocated_size(stored.files[i]), use_.free_space_reserve);
        const std::filesystem::path layer_file = region.pool.unfinished_path_of(disks[i].layer);
        images::qemu_img::convert_raw(stored.files[i], layer_file, stop);
        region.pool.adopt(disks[i].layer, layer_file);
        remove_file(stored.files[i]);
    }
}

void StoredImageJobs::fail_restoration(const images::Operation& operation,
                                       const Restoration& restoration,
                                       const std::string& cause) const {
    log::error("restoring {} failed: {}", restoration.image.str(), cause);
    use_.database.write([&](Session& session) {
        if (!images::operation_is_open(session, operation.id)) return;  // canceled
        withdraw_restoration(session, operation, use_.clock.now());
        images::set_image_state(session, restoration.image, ImageState::failed, cause);
    });
}

void StoredImageJobs::drop_layers(const Region& region, const std::vector<Disk>& disks) const {
    use_.database.write([&](Session& session) {
        for (const Disk& disk : disks) {
            images::set_layer_state(session, region.name, disk.layer, images::LayerState::deleting);
        }
    });
    images::collect_layers(use_.database, region.pool, region.name);
}

}  // namespace kiln::launcher
