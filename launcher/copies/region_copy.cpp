#include "launcher/copies/region_copy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/layers/collection.hpp"

namespace kiln::launcher {

namespace {

using images::Layer;
using images::LayerState;

/// Copies at once; the others wait. Each holds a thread of the executor, and disks are few.
constexpr std::size_t copy_slots = 4;
constexpr std::uint64_t percent_before_end = 99;
constexpr std::chrono::milliseconds time_between_looks{20};

}  // namespace

/// While the job of a copy runs: tells of its progress, and hears when it is canceled.
class RegionCopy::Running {
  public:
    Running(RegionCopy& owner, OperationId operation, const Copy& copy)
        : owner_(owner), operation_(std::move(operation)), copy_(copy) {
        const std::lock_guard lock(owner_.mutex_);
        owner_.running_.insert_or_assign(operation_, progress_);
        for (const CopyPart& part : copy_.parts)
            owner_.progress_.insert_or_assign(part.snapshot, progress_);
    }
    ~Running() {
        const std::lock_guard lock(owner_.mutex_);
        owner_.running_.erase(operation_);
        for (const CopyPart& part : copy_.parts)
            owner_.progress_.erase(part.snapshot);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    Progress& progress() { return *progress_; }

  private:
    RegionCopy& owner_;
    OperationId operation_;
    const Copy& copy_;
    std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
};

/// A copy has the layers that it may send for itself: another that sends the same ones waits, and
/// then finds them.
std::vector<std::string> RegionCopy::lanes_of(const Copy& copy) {
    std::vector<std::string> lanes;
    lanes.reserve(copy.parts.size() + copy.layers.size() + 1);
    for (const CopyPart& part : copy.parts)
        lanes.push_back(part.snapshot.str());
    for (const LayerId& layer : copy.layers)
        lanes.push_back(layer.str() + "@" + copy.region);
    const std::lock_guard lock(mutex_);
    lanes.push_back(fmt::format("copy slot {}", next_slot_++ % copy_slots));
    return lanes;
}

void RegionCopy::add(const OperationId& operation, const Copy& copy) {
    use_.executor.add_for_all(lanes_of(copy), [this, operation, copy] { run(operation, copy); });
}

bool RegionCopy::is_busy(const Copy& copy) const {
    return std::ranges::any_of(copy.parts, [&](const CopyPart& part) {
        return use_.executor.is_busy(part.snapshot.str());
    });
}

void RegionCopy::cancel(const OperationId& operation, const Copy& copy) {
    {
        const std::lock_guard lock(mutex_);
        const auto running = running_.find(operation);
        if (running != running_.end()) running->second->stop.request_stop();
    }
    add(operation, copy);  // it may have been dropped after a failure, and has to clean up
}

std::optional<int> RegionCopy::percent_done(const SnapshotId& snapshot) const {
    const std::lock_guard lock(mutex_);
    const auto found = progress_.find(snapshot);
    if (found == progress_.end()) return std::nullopt;
    const Progress& progress = *found->second;
    if (progress.total == 0) return 0;
    const std::uint64_t percent = progress.done * 100 / progress.total;
    return static_cast<int>(std::min(percent, percent_before_end));
}

bool RegionCopy::is_open(const OperationId& operation) const {
    return use_.database.read(
        [&](Session& session) { return images::operation_is_open(session, operation); });
}

void RegionCopy::run(const OperationId& operation, const Copy& copy) {
    if (is_open(operation)) {
        Running running(*this, operation, copy);
        send_and_publish(operation, copy, running.progress());
    }
    drop_what_arrived(copy);
}

void RegionCopy::send_and_publish(const OperationId& operation, const Copy& copy,
                                  Progress& progress) {
    try {
        send(operation, copy, progress);
        publish(operation, copy);
    } catch (const std::exception& error) {
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        const auto* known = dynamic_cast<const Error*>(&error);
        if (known != nullptr && known->code() == error_code::unavailable) throw;  // tried again
        fail(operation, copy, error.what());
    }
}

/// Rows that nobody waits for any more, and then all that nothing needs.
void RegionCopy::drop_what_arrived(const Copy& copy) const {
    use_.database.write([&](Session& session) {
        for (const Layer& layer : images::unneeded_layers(session, copy.region, true)) {
            const bool own = std::ranges::find(copy.layers, layer.id) != copy.layers.end();
            if (own && layer.state == LayerState::creating) {
                images::set_layer_state(session, copy.region, layer.id, LayerState::deleting);
            }
        }
    });
    // The source's, too: this may have been the last that needed them.
    for (const std::string& region : {copy.region, copy.source_region})
        images::collect_layers(use_.database, use_.regions.get(region).pool, region);
}

void RegionCopy::send(const OperationId& operation, const Copy& copy, Progress& progress) {
    const std::stop_callback with_service(use_.pause.token(),
                                          [&progress] { progress.stop.request_stop(); });
    const std::vector<Layer> missing = missing_layers(operation, copy);
    const Region& source = use_.regions.get(copy.source_region);
    const Region& target = use_.regions.get(copy.region);
    for (const Layer& layer : missing)
        progress.total += source.pool.allocated_size(layer.id).value;
    const std::vector<EncryptedCopy> encrypted = encrypted_copies(copy);
    for (const EncryptedCopy& part : encrypted)
        progress.total += size_of_source(use_.database, part).value;
    if (!target.pool.shares_file_system_with(source.pool)) {
        target.pool.check_space({progress.total}, use_.free_space_reserve);
    }
    for (const Layer& layer : missing)
        send_layer(copy, layer, progress);
    for (const EncryptedCopy& part : encrypted)
        encrypt(copy, part, progress);
}

std::vector<EncryptedCopy> RegionCopy::encrypted_copies(const Copy& copy) const {
    const Region& source = use_.regions.get(copy.source_region);
    const Region& target = use_.regions.get(copy.region);
    std::vector<EncryptedCopy> copies;
    use_.database.read([&](Session& session) {
        copies.clear();
        for (const CopyPart& part : copy.parts) {
            if (!part.encrypted_layer) continue;
            const auto row = images::find_layer(session, copy.region, *part.encrypted_layer);
            if (!row) continue;  // withdrawn
            copies.push_back({.source = source,
                              .from = part.layer,
                              .target = target,
                              .layer = row->id,
                              .size = row->virtual_size,
                              .key_id = part.key_id});
        }
    });
    return copies;
}

void RegionCopy::encrypt(const Copy& copy, const EncryptedCopy& part, Progress& progress) const {
    make_encrypted_copy(use_.database, part, use_.free_space_reserve, progress.stop.get_token());
    part.target.pool.freeze(part.layer);
    progress.done += size_of_source(use_.database, part).value;
    arrived(copy, part.layer);
}

/// The layers that have not arrived, each once, parents before children; their rows are there
/// afterwards. Waits for those that are just being deleted.
std::vector<Layer> RegionCopy::missing_layers(const OperationId& operation,
                                              const Copy& copy) const {
    const Region& source = use_.regions.get(copy.source_region);
    const Region& target = use_.regions.get(copy.region);
    while (true) {
        const auto reading_source = source.chains->read();
        const auto reading_target = target.chains->read();
        const auto missing = use_.database.write([&](Session& session) {
            return insert_missing_layers(session, operation, copy, use_.clock.now());
        });
        if (missing) return *missing;
        images::collect_layers(use_.database, target.pool, copy.region);
        use_.pause.wait_or_throw(time_between_looks);
    }
}

void RegionCopy::send_layer(const Copy& copy, const Layer& layer, Progress& progress) const {
    const Region& source = use_.regions.get(copy.source_region);
    const Region& target = use_.regions.get(copy.region);
    target.pool.receive(
        layer.id, source.pool, [&](Bytes sent) { progress.done += sent.value; },
        progress.stop.get_token());
    arrived(copy, layer.id);
}

void RegionCopy::arrived(const Copy& copy, const LayerId& layer) const {
    use_.database.write([&](Session& session) {
        const auto row = images::find_layer(session, copy.region, layer);
        if (!row || row->state != LayerState::creating) return;  // withdrawn
        images::set_layer_state(session, copy.region, layer, LayerState::frozen);
    });
}

/// Of the layer and those below it that no other snapshot of the region is charged for.
Bytes RegionCopy::brought_size(Session& session, const images::Pool& pool,
                               const std::string& region, const LayerId& top) {
    Bytes size;
    for (const images::Layer& layer : images::layer_chain(session, region, top)) {
        if (layer.id != top && images::is_charged_layer(session, region, layer.id)) break;
        size = size + pool.allocated_size(layer.id);
    }
    return size;
}

void RegionCopy::publish(const OperationId& operation, const Copy& copy) const {
    const images::Pool& pool = use_.regions.get(copy.region).pool;
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        if (!images::operation_is_open(session, operation)) return;
        for (const CopyPart& part : copy.parts) {
            const LayerId& layer = part.encrypted_layer.value_or(part.layer);
            images::complete_snapshot(
                session, part.snapshot,
                {.layer = layer, .stored_size = brought_size(session, pool, copy.region, layer)},
                now);
        }
        if (copy.image) {
            images::set_image_state(session, *copy.image, images::ImageState::available);
        }
        images::delete_operation(session, operation);
    });
}

void RegionCopy::fail(const OperationId& operation, const Copy& copy,
                      const std::string& cause) const {
    const bool failed = use_.database.write([&](Session& session) {
        if (!images::operation_is_open(session, operation)) return false;  // withdrawn
        if (copy.image) {
            images::set_image_state(session, *copy.image, images::ImageState::failed, cause);
            images::set_image_block_devices(session, *copy.image, {});
            delete_copied_snapshots(session, copy, use_.clock.now());
        } else {
            images::fail_snapshot(session, copy.parts.front().snapshot, cause);
        }
        images::delete_operation(session, operation);
        return true;
    });
    if (!failed) return;
    log::error("the copy of {} from {} to {} failed: {}",
               copy.image ? copy.image->str() : copy.parts.front().snapshot.str(),
               copy.source_region, copy.region, cause);
}

}  // namespace kiln::launcher
