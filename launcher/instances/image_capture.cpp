#include "launcher/instances/image_capture.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/volume.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/pool.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::InstanceState;
using images::LayerState;

constexpr std::chrono::seconds retry_interval{2};

}  // namespace

struct ImageCapture::Switch {
    CapturePart part;
    std::string target;  // "vda"
    LayerId old_top;
    LayerId overlay;
    Bytes size;
};

std::string to_json(const Capture& capture) {
    nlohmann::json parts = nlohmann::json::array();
    for (const CapturePart& part : capture.parts) {
        parts.push_back({{"volume", part.volume.str()},
                         {"snapshot", part.snapshot.str()},
                         {"device", part.device_name}});
    }
    return nlohmann::json{{"image", capture.image.str()},
                          {"instance", capture.instance.str()},
                          {"no_reboot", capture.no_reboot},
                          {"boots_again", capture.boots_again},
                          {"parts", parts},
                          {"overlays", capture.overlays}}
        .dump();
}

Capture parse_capture(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    Capture capture{.image = ImageId(document.at("image").get<std::string>()),
                    .instance = InstanceId(document.at("instance").get<std::string>()),
                    .no_reboot = document.at("no_reboot").get<bool>(),
                    .boots_again = document.at("boots_again").get<bool>(),
                    .overlays = document.at("overlays").get<std::map<std::string, std::string>>()};
    for (const nlohmann::json& part : document.at("parts")) {
        capture.parts.push_back({.volume = VolumeId(part.at("volume").get<std::string>()),
                                 .snapshot = SnapshotId(part.at("snapshot").get<std::string>()),
                                 .device_name = part.at("device").get<std::string>()});
    }
    return capture;
}

void ImageCapture::run(const OperationId& operation, Capture capture) {
    const auto image = use_.database.read(
        [&](Session& session) { return images::find_image(session, capture.image); });
    // After a crash between the publication and the boot, only the boot is left to do.
    if (image && image->state == images::ImageState::pending) {
        std::vector<Switch> switches;
        const auto cause = try_switch(operation, capture, switches);
        // The guest may write to the overlays by now, so the catalog must learn of them before
        // anything else happens to the instance, however long that takes.
        retry("publish", [&] {
            cause ? fail(operation, capture, *cause) : publish(operation, capture, switches);
        });
    }
    retry("boot", [&] { boot_again(operation, capture); });
}

/// Returns why the switch failed, in which case the guest goes on in its old tops. While libvirt
/// cannot be reached nobody can tell, so it is asked again until it can.
std::optional<std::string> ImageCapture::try_switch(const OperationId& operation, Capture& capture,
                                                    std::vector<Switch>& switches) {
    while (true) {
        try {
            switches = plan(operation, capture);
            switch_disks(capture, switches);
            return std::nullopt;
        } catch (const Error& error) {
            spdlog::error("image {} of {}: {}", capture.image.str(), capture.instance.str(),
                          error.what());
            if (error.code() != error_code::unavailable) return error.what();
        }
        use_.pause.wait_or_throw(retry_interval);
    }
}

void ImageCapture::retry(const char* what, const std::function<void()>& step) {
    while (true) {
        try {
            step();
            return;
        } catch (const Error& error) {
            spdlog::error("cannot {} a capture yet: {}", what, error.what());
        }
        use_.pause.wait_or_throw(retry_interval);
    }
}

/// Makes the overlays' rows and files. What an earlier try made is used again.
std::vector<ImageCapture::Switch> ImageCapture::plan(const OperationId& operation,
                                                     Capture& capture) {
    const auto instance = load_instance(use_.database, capture.instance);
    if (!instance || instance->instance.state == InstanceState::terminated) {
        throw Error(error_code::incorrect_instance_state, capture.instance.str(),
                    fmt::format("the instance '{}' is terminated", capture.instance.str()));
    }
    std::vector<Switch> switches;
    const auto in_guest_order = volumes_in_guest_order(*instance);
    const bool planned_before = !capture.overlays.empty();
    for (const CapturePart& part : capture.parts) {
        const auto found = std::ranges::find_if(in_guest_order, [&](const images::Volume* volume) {
            return volume->id == part.volume;
        });
        if (found == in_guest_order.end()) {
            throw Error("IncorrectState", part.volume.str(),
                        fmt::format("the volume '{}' is not attached any more", part.volume.str()));
        }
        if (!planned_before) capture.overlays[part.volume.str()] = LayerId::generate().str();
        switches.push_back(
            {.part = part,
             .target = disk_target(static_cast<std::size_t>(found - in_guest_order.begin())),
             .old_top = (*found)->layer.value(),
             .overlay = LayerId(capture.overlays.at(part.volume.str())),
             .size = (*found)->size});
    }
    if (planned_before) return switches;
    capture.boots_again = instance->instance.state == InstanceState::running && !capture.no_reboot;
    use_.database.write([&](Session& session) {
        for (const Switch& one : switches) {
            images::insert_layer(session, {.id = one.overlay,
                                           .region = use_.region,
                                           .parent = one.old_top,
                                           .state = LayerState::creating,
                                           .virtual_size = one.size,
                                           .created = use_.clock.now()});
        }
        images::set_operation_payload(session, operation, to_json(capture));
    });
    return switches;
}

/// Whether the running guest writes to the overlays already: a crash came after the transaction.
bool ImageCapture::already_switched(const InstanceWithVolumes& instance,
                                    const std::vector<Switch>& switches) const {
    if (switches.empty()) return false;
    const std::string name = instance.instance.id.str();
    if (use_.hypervisor.domain_state(name) == DomainState::absent) return false;
    return use_.hypervisor.active_file(name, switches.front().target) ==
           use_.pool.path_of(switches.front().overlay);
}

void ImageCapture::switch_disks(const Capture& capture, const std::vector<Switch>& switches) {
    const auto instance = load_instance(use_.database, capture.instance);
    if (!instance || already_switched(*instance, switches)) return;
    for (const Switch& one : switches) {
        use_.pool.create_overlay({.layer = one.overlay, .parent = one.old_top, .size = one.size});
    }
    if (!capture.no_reboot) lifecycle_.power_off(capture.instance, true);
    const std::string name = capture.instance.str();
    if (use_.hypervisor.domain_state(name) == DomainState::absent) return;
    std::vector<hypervisor::DiskSnapshot> disks;
    disks.reserve(switches.size());
    for (const Switch& one : switches) {
        disks.push_back({.target = one.target, .overlay = use_.pool.path_of(one.overlay)});
    }
    use_.hypervisor.snapshot_disks(name, disks);
}

void ImageCapture::publish(const OperationId& operation, const Capture& capture,
                           const std::vector<Switch>& switches) {
    for (const Switch& one : switches)
        use_.pool.freeze(one.old_top);
    use_.database.write([&](Session& session) {
        for (const Switch& one : switches) {
            images::set_layer_state(session, one.old_top, LayerState::frozen);
            images::set_layer_state(session, one.overlay, LayerState::live);
            for (images::Volume volume : images::volumes_of_instance(session, capture.instance)) {
                if (volume.id != one.part.volume) continue;
                volume.layer = one.overlay;
                images::update_volume(session, volume);
            }
            images::complete_snapshot(session, one.part.snapshot, one.old_top);
        }
        const auto image = images::find_image(session, capture.image);
        // Deregistered while it was pending: the snapshots stay, the image does not come back.
        if (image && image->state == images::ImageState::pending) {
            images::set_image_state(session, capture.image, images::ImageState::available);
        }
        if (!capture.boots_again) images::delete_operation(session, operation);
    });
}

void ImageCapture::fail(const OperationId& operation, const Capture& capture,
                        const std::string& cause) {
    use_.database.write([&](Session& session) {
        images::set_image_state(session, capture.image, images::ImageState::failed, cause);
        images::set_image_block_devices(session, capture.image, {});
        for (const CapturePart& part : capture.parts) {
            images::delete_snapshot(session, part.snapshot);
        }
        for (const auto& [volume, overlay] : capture.overlays) {
            images::set_layer_state(session, LayerId(overlay), LayerState::deleting);
        }
        if (!capture.boots_again) images::delete_operation(session, operation);
    });
    images::collect_layers(use_.database, use_.pool, use_.region);
}

void ImageCapture::boot_again(const OperationId& operation, const Capture& capture) {
    if (!capture.boots_again) return;
    const auto instance = load_instance(use_.database, capture.instance);
    const bool must_run =
        instance && instance->instance.state == InstanceState::running &&
        use_.hypervisor.domain_state(capture.instance.str()) == DomainState::absent;
    std::string failure;
    try {
        if (must_run) lifecycle_.boot(*instance);
    } catch (const std::exception& error) {
        const auto* known = dynamic_cast<const Error*>(&error);
        if (known != nullptr && known->code() == error_code::unavailable) throw;  // it may boot yet
        spdlog::error("{} did not boot again: {}", capture.instance.str(), error.what());
        failure = error.what();
    }
    change_instance(use_.database, capture.instance,
                    [&](Session& session, images::Instance& changed) {
                        images::delete_operation(session, operation);
                        if (failure.empty() || changed.state != InstanceState::running) return;
                        changed.state = InstanceState::stopped;
                        changed.state_reason = {.code = "Server.InternalError",
                                                .message = "Server.InternalError: " + failure};
                    });
}

}  // namespace kiln::launcher
