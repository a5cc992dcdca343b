#include "launcher/volumes/capture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "base/log.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/catalog/volume.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/pool.hpp"
#include "launcher/encryption/keys.hpp"
#include "launcher/instances/guest_firmware.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::InstanceState;
using images::LayerState;

constexpr std::chrono::seconds retry_interval{2};
/// How long a silent appliance may run the guest yet.
constexpr std::chrono::minutes time_to_tell{1};

}  // namespace

struct VolumeCapture::Switch {
    CapturePart part;
    std::string region;
    LayerId old_top;
    LayerId overlay;
    Bytes size;
    std::optional<std::string> key_id;  // of both layers
};

std::optional<InstanceId> VolumeCapture::holder_of(const Capture& capture) const {
    return use_.database.read([&](Session& session) -> std::optional<InstanceId> {
        for (const CapturePart& part : capture.parts) {
            const auto volume = images::find_volume(session, part.volume);
            if (volume && volume->attachment) return volume->attachment->instance;
        }
        return std::nullopt;
    });
}

void VolumeCapture::add(const OperationId& operation, Capture capture) {
    if (!capture.image) capture.instance = holder_of(capture);
    std::vector<std::string> keys;
    keys.reserve(capture.parts.size() + 1);
    for (const CapturePart& part : capture.parts)
        keys.push_back(part.volume.str());
    if (capture.instance) keys.push_back(capture.instance->str());
    use_.executor.add_for_all(std::move(keys), [this, operation, capture] {
        if (!capture.image && holder_of(capture) != capture.instance) {
            add(operation, capture);  // attached or detached meanwhile: it is in the wrong lanes
        } else {
            run(operation, capture);
        }
    });
}

bool VolumeCapture::is_busy(const Capture& capture) const {
    return std::ranges::any_of(capture.parts, [&](const CapturePart& part) {
        return use_.executor.is_busy(part.volume.str());
    });
}

bool VolumeCapture::is_open(const Capture& capture) const {
    return use_.database.read([&](Session& session) {
        if (capture.image) {
            const auto image = images::find_image(session, *capture.image);
            return image && image->state == images::ImageState::pending;
        }
        if (capture.keeper) return true;  // nothing is left to do once its operation has ended
        return std::ranges::any_of(capture.parts, [&](const CapturePart& part) {
            const auto snapshot = images::find_snapshot(session, part.snapshot.value());
            return snapshot && snapshot->state == images::SnapshotState::pending;
        });
    });
}

void VolumeCapture::run(const OperationId& operation, Capture capture) {
    // One that housekeeping has added again while it ended.
    const bool is_done = use_.database.read(
        [&](Session& session) { return !images::operation_is_open(session, operation); });
    if (is_done) return;
    // After a crash between the publication and the boot, only the boot is left to do.
    if (is_open(capture)) {
        std::vector<Switch> switches;
        const auto cause = try_switch(operation, capture, switches);
        // The guest may write to the overlays by now, so the catalog must learn of them before
        // anything else happens to the volumes, however long that takes.
        retry("publish", [&] {
            cause ? fail(operation, capture, *cause) : publish(operation, capture, switches);
        });
        if (capture.keeper && kept_) kept_(*capture.keeper, cause.value_or(""));
    }
    if (capture.boots_again) {
        const auto patience = std::chrono::steady_clock::now() + time_to_tell;
        retry("boot", [&] { boot_again(operation, capture, patience); });
    }
    std::vector<VolumeId> volumes;
    volumes.reserve(capture.parts.size());
    for (const CapturePart& part : capture.parts)
        volumes.push_back(part.volume);
    puller_.add(volumes);
}

/// Returns why the switch failed, in which case the guest goes on in its old tops. While libvirt
/// cannot be reached nobody can tell, so it is asked again until it can.
std::optional<std::string> VolumeCapture::try_switch(const OperationId& operation, Capture& capture,
                                                     std::vector<Switch>& switches) {
    while (true) {
        try {
            // Nothing was switched before the overlays were planned.
            if (capture.overlays.empty()) make_room(capture);
            switches = plan(operation, capture);
            switch_disks(capture, switches);
            return std::nullopt;
        } catch (const std::exception& error) {
            const auto* known = dynamic_cast<const Error*>(&error);
            log::error("capture of {}: {}", capture.parts.front().volume.str(), error.what());
            if (known == nullptr || known->code() != error_code::unavailable) {
                // libvirt may have failed after QEMU had switched.
                const auto switched = was_switched(capture, switches);
                if (switched)
                    return *switched ? std::nullopt : std::optional<std::string>(error.what());
            }
        }
        use_.pause.wait_or_throw(retry_interval);
    }
}

/// nullopt when nobody can tell.
std::optional<bool> VolumeCapture::was_switched(const Capture& capture,
                                                const std::vector<Switch>& switches) const {
    try {
        return capture.instance && already_switched(capture, switches);
    } catch (const Error& error) {
        log::error("cannot tell whether the disks of {} were switched: {}", capture.instance->str(),
                   error.what());
        return std::nullopt;
    }
}

void VolumeCapture::make_room(const Capture& capture) {
    for (const CapturePart& part : capture.parts)
        puller_.make_room(part.volume);
}

void VolumeCapture::retry(const char* what, const std::function<void()>& step) {
    while (true) {
        try {
            step();
            return;
        } catch (const Error& error) {
            log::error("cannot {} a capture yet: {}", what, error.what());
        }
        use_.pause.wait_or_throw(retry_interval);
    }
}

VolumeCapture::Switch VolumeCapture::plan_part(const Capture& capture,
                                               const CapturePart& part) const {
    const auto [volume, top] = use_.database.read([&](Session& session) {
        auto found = images::find_volume(session, part.volume);
        auto layer = found && found->layer
                         ? images::find_layer(session, found->region, *found->layer)
                         : std::optional<images::Layer>();
        return std::pair(std::move(found), std::move(layer));
    });
    if (!volume || !top) {
        throw Error("InvalidVolume.NotFound", part.volume.str(),
                    fmt::format("The volume '{}' does not exist any more.", part.volume.str()));
    }
    const bool is_elsewhere =
        volume->attachment && volume->attachment->instance != capture.instance;
    if (is_elsewhere || (capture.image && !volume->attachment)) {
        throw Error("IncorrectState", part.volume.str(),
                    fmt::format("the volume '{}' was detached meanwhile", part.volume.str()));
    }
    return {.part = part,
            .region = volume->region,
            .old_top = top->id,
            .overlay = LayerId(capture.overlays.at(part.volume.str())),
            .size = std::max(volume->size, top->virtual_size),
            .key_id = top->key_id};
}

/// Makes the overlays' rows. What an earlier try made is used again.
std::vector<VolumeCapture::Switch> VolumeCapture::plan(const OperationId& operation,
                                                       Capture& capture) {
    const bool planned_before = !capture.overlays.empty();
    if (!planned_before) {
        for (const CapturePart& part : capture.parts)
            capture.overlays[part.volume.str()] = LayerId::generate().str();
        capture.boots_again = !capture.no_reboot && is_running(capture);
    }
    std::vector<Switch> switches;
    switches.reserve(capture.parts.size());
    for (const CapturePart& part : capture.parts)
        switches.push_back(plan_part(capture, part));
    if (planned_before) return switches;
    use_.database.write([&](Session& session) {
        for (const Switch& one : switches) {
            images::insert_layer(session, {.id = one.overlay,
                                           .region = one.region,
                                           .parent = one.old_top,
                                           .state = LayerState::creating,
                                           .virtual_size = one.size,
                                           .created = use_.clock.now(),
                                           .key_id = one.key_id});
        }
        images::set_operation_payload(session, operation, to_json(capture));
    });
    return switches;
}

bool VolumeCapture::is_running(const Capture& capture) const {
    if (!capture.instance) return false;
    const auto instance = load_instance(use_.database, *capture.instance);
    return instance && instance->instance.state == InstanceState::running;
}

/// Whether the running guest writes to the overlays already: a crash came after the transaction.
bool VolumeCapture::already_switched(const Capture& capture,
                                     const std::vector<Switch>& switches) const {
    const std::string name = capture.instance->str();
    return std::ranges::any_of(switches, [&](const Switch& one) {
        const Region& region = use_.regions.get(one.region);
        return region.hypervisor.active_file(name, serial_of(one.part.volume)) ==
               region.pool.path_of(one.overlay);
    });
}

void VolumeCapture::switch_disks(const Capture& capture, const std::vector<Switch>& switches) {
    if (capture.instance && already_switched(capture, switches)) return;
    const Region& region = use_.regions.get(switches.front().region);
    create_overlays(region, switches);
    if (!capture.instance) return;
    if (!capture.no_reboot) power_off(*capture.instance);
    const std::string name = capture.instance->str();
    if (region.hypervisor.domain_state(name) == DomainState::absent) return;
    std::vector<hypervisor::DiskSnapshot> disks;
    for (const Switch& one : switches) {
        const std::string serial = serial_of(one.part.volume);
        // One that the guest has not been given yet is switched in the catalog alone.
        if (!region.hypervisor.active_file(name, serial)) continue;
        disks.push_back({.serial = serial,
                         .overlay = region.pool.path_of(one.overlay),
                         .key_id = one.key_id.value_or("")});
    }
    if (disks.empty()) return;
    const auto reading = region.chains->read();
    region.hypervisor.snapshot_disks(name, disks);
}

void VolumeCapture::create_overlays(const Region& region, const std::vector<Switch>& switches) {
    const auto reading = region.chains->read();
    for (const Switch& one : switches) {
        region.pool.create_overlay({.layer = one.overlay,
                                    .parent = one.old_top,
                                    .size = one.size,
                                    .key = layer_key(region, one.key_id)});
    }
}

void VolumeCapture::power_off(const InstanceId& id) {
    const auto instance = load_instance(use_.database, id);
    if (instance) lifecycle_.power_off(instance->instance, true);
}

void VolumeCapture::publish(const OperationId& operation, const Capture& capture,
                            const std::vector<Switch>& switches) {
    for (const Switch& one : switches) {
        const Region& region = use_.regions.get(one.region);
        region.pool.freeze(one.old_top);
        use_.users.learn_readers(region, one.old_top);
    }
    const std::string uefi_data = uefi_data_of(capture);
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        for (const Switch& one : switches) {
            images::set_layer_state(session, one.region, one.old_top, LayerState::frozen);
            images::set_layer_state(session, one.region, one.overlay, LayerState::live);
            if (auto volume = images::find_volume(session, one.part.volume)) {
                volume->layer = one.overlay;
                images::update_volume(session, *volume, now);
            }
            if (!one.part.snapshot) {
                keep(session, capture, one);
                continue;
            }
            images::complete_snapshot(
                session, *one.part.snapshot,
                {.layer = one.old_top,
                 .stored_size = use_.regions.get(one.region).pool.allocated_size(one.old_top)},
                now);
            // It may have grown since the request.
            images::set_snapshot_size(session, *one.part.snapshot, one.size);
        }
        if (capture.image) {
            images::set_image_state(session, *capture.image, images::ImageState::available);
            images::set_uefi_data(session, *capture.image, uefi_data);
        }
        if (!capture.boots_again) images::delete_operation(session, operation);
    });
}

std::string VolumeCapture::uefi_data_of(const Capture& capture) const {
    if (!capture.image || !capture.instance) return "";
    const auto instance = load_instance(use_.database, *capture.instance);
    return instance ? read_uefi_data_or_nothing(instance->instance, use_.files) : "";
}

void VolumeCapture::keep(Session& session, const Capture& capture, const Switch& one) {
    // Whoever wanted it may have thought better of it.
    if (!images::operation_is_open(session, capture.keeper.value())) return;
    images::pin_layer(session, *capture.keeper, one.region, one.old_top);
}

/// That of the snapshots or the instance, which is its volumes'.
std::string VolumeCapture::region_of(const Capture& capture) const {
    return use_.database.read([&](Session& session) {
        const CapturePart& first = capture.parts.front();
        if (first.snapshot) return images::find_snapshot(session, *first.snapshot).value().region;
        return images::find_instance(session, capture.instance.value()).value().region;
    });
}

void VolumeCapture::fail(const OperationId& operation, const Capture& capture,
                         const std::string& cause) {
    const std::string region = region_of(capture);
    use_.database.write([&](Session& session) {
        if (capture.image) {
            images::set_image_state(session, *capture.image, images::ImageState::failed, cause);
            images::set_image_block_devices(session, *capture.image, {});
        }
        for (const CapturePart& part : capture.parts) {
            if (!part.snapshot) continue;
            if (!capture.image) {
                images::fail_snapshot(session, *part.snapshot, cause);
                continue;
            }
            images::delete_all_tags(session, part.snapshot->str());
            images::delete_snapshot(session, *part.snapshot, use_.clock.now());
        }
        for (const auto& [volume, overlay] : capture.overlays) {
            images::set_layer_state(session, region, LayerId(overlay), LayerState::deleting);
        }
        if (!capture.boots_again) images::delete_operation(session, operation);
    });
    images::collect_layers(use_.database, use_.regions.get(region).pool, region);
}

/// Until `patience` an appliance that does not answer is asked again; then it is taken for one
/// whose boot was cut off.
bool VolumeCapture::has_to_boot(const Capture& capture,
                                std::chrono::steady_clock::time_point patience) const {
    const auto instance = load_instance(use_.database, *capture.instance);
    if (!instance || instance->instance.state != InstanceState::running) return false;
    if (const auto has_guest = use_.watch.has_guest(instance->instance)) return !*has_guest;
    if (std::chrono::steady_clock::now() > patience) return true;
    throw Error(error_code::unavailable, capture.instance->str(),
                fmt::format("the appliance of {} does not say whether its guest runs",
                            capture.instance->str()));
}

void VolumeCapture::boot_again(const OperationId& operation, const Capture& capture,
                               std::chrono::steady_clock::time_point patience) {
    const InstanceId& id = *capture.instance;
    const bool must_run = has_to_boot(capture, patience);
    const auto instance = load_instance(use_.database, id);
    std::string failure;
    try {
        if (must_run) {
            lifecycle_.end_failed_boot(instance->instance);  // of a try that was cut off
            lifecycle_.boot(*instance);
        }
    } catch (const std::exception& error) {
        const auto* known = dynamic_cast<const Error*>(&error);
        if (known != nullptr && known->code() == error_code::unavailable) throw;  // it may boot yet
        use_.pause.wait_or_throw(std::chrono::milliseconds(0));  // it was the service that stops
        log::error("{} did not boot again: {}", id.str(), error.what());
        failure = error.what();
        lifecycle_.end_failed_boot(instance->instance);
    }
    const Time now = use_.clock.now();
    change_instance(use_.database, id, now, [&](Session& session, images::Instance& changed) {
        images::delete_operation(session, operation);
        if (failure.empty() || changed.state != InstanceState::running) return;
        changed.state = InstanceState::stopped;
        changed.state_reason = {.code = "Server.InternalError",
                                .message = "Server.InternalError: " + failure};
    });
    if (!failure.empty()) use_.users.note_change();
}

}  // namespace kiln::launcher
