#include "launcher/instances/lifecycle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/catalog/volume.hpp"
#include "images/layers/collection.hpp"
#include "launcher/instances/guest_firmware.hpp"
#include "launcher/instances/guest_watch.hpp"
#include "launcher/paravirtual/pv_plan.hpp"
#include "launcher/types/guest_architecture.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::Instance;
using images::InstanceState;
using images::StateReason;
using images::Volume;
using images::VolumeState;

constexpr const char* server_internal_error = "Server.InternalError";

StateReason guest_shutdown_reason() {
    return {.code = "Client.InstanceInitiatedShutdown",
            .message = "Client.InstanceInitiatedShutdown: Instance initiated shutdown"};
}

StateReason internal_error_reason(const std::string& cause) {
    return {.code = server_internal_error,
            .message = fmt::format("{}: {}", server_internal_error, cause)};
}

}  // namespace

InstanceLifecycle::InstanceLifecycle(const Dependencies& dependencies) : use_(dependencies) {}

void InstanceLifecycle::launch(const InstanceId& id) {
    const auto instance = load_instance(use_.database, id);
    if (!instance || instance->instance.state != InstanceState::pending) return;
    try {
        if (has_to_boot(instance->instance)) {
            create_overlays(*instance);
            boot(*instance);
        }
        finish_launch(id);
    } catch (const std::exception& error) {
        throw_if_stopping();
        log::error("launch of {} failed: {}", id.str(), error.what());
        abandon_launch(instance->instance, error.what());
    }
}

/// A try that was cut off may have left a domain, in which the guest runs already. Not so of a
/// paravirtual one, which is told to run later.
bool InstanceLifecycle::has_to_boot(const Instance& instance) const {
    hypervisor::Hypervisor& hypervisor = hypervisor_of(instance);
    if (is_paravirtual(instance)) hypervisor.destroy(instance.id.str());
    return hypervisor.domain_state(instance.id.str()) == DomainState::absent;
}

void InstanceLifecycle::end_failed_boot(const Instance& instance) {
    hypervisor_of(instance).destroy(instance.id.str());
    use_.status.gone(instance.id);
    use_.appliances.forget(instance.id);
}

/// What fails then fails because the service stops: the next start does it again.
void InstanceLifecycle::throw_if_stopping() const {
    use_.pause.wait_or_throw(std::chrono::milliseconds(0));
}

void InstanceLifecycle::fail_launch(const InstanceId& id, const std::string& cause) {
    const auto instance = load_instance(use_.database, id);
    if (!instance) return;
    log::error("launch of {} failed: {}", id.str(), cause);
    abandon_launch(instance->instance, cause);
}

hypervisor::Hypervisor& InstanceLifecycle::hypervisor_of(const Instance& instance) const {
    return use_.regions.get(instance.region).hypervisor;
}

void InstanceLifecycle::let_layers_go_of(const Instance& instance) const {
    use_.users.note_change();
    images::collect_layers(use_.database, use_.regions.get(instance.region).pool, instance.region);
}

void InstanceLifecycle::close_port_of(const Instance& instance) const {
    try {
        use_.networks.apply(use_.regions.get(instance.region));
    } catch (const Error& error) {
        log::warn("the port of {} is still open: {}", instance.id.str(), error.message());
    }
}

void InstanceLifecycle::create_overlays(const InstanceWithVolumes& instance) {
    const Region& region = use_.regions.get(instance.instance.region);
    const auto reading = region.chains->read();
    for (const Volume& volume : instance.volumes)
        create_layer_file(use_.database, region, volume);
}

void InstanceLifecycle::create_ephemeral_disks(const InstanceWithVolumes& instance) {
    const Region& region = use_.regions.get(instance.instance.region);
    for (const Volume& volume : instance.volumes) {
        if (volume.storage != images::DeviceType::instance_store) continue;
        create_layer_file(use_.database, region, volume);
    }
}

void InstanceLifecycle::boot(const InstanceWithVolumes& instance) {
    const InstanceId& id = instance.instance.id;
    const Region& region = use_.regions.get(instance.instance.region);
    use_.files.create(id);
    if (use_.planner.bridged_card(instance.instance)) {
        use_.networks.apply(region);  // before the guest's first packet
    } else {
        use_.files.write_seed(instance.instance);
    }
    make_uefi_variables(instance.instance, use_.files, use_.database.read([&](Session& session) {
        return images::uefi_data_of(session, instance.instance.image);
    }));
    use_.watch.forget_reboot(id);
    use_.status.started(id);
    if (is_paravirtual(instance.instance)) {
        use_.appliances.start(instance);
        use_.watch.look_often_at(id);
        return;
    }
    const auto reading = region.chains->read();
    const hypervisor::DomainSpec domain = use_.planner.plan(instance);
    use_.users.open_layers(region, instance.instance.owner, domain.disks);
    region.hypervisor.start_domain(domain);
}

void InstanceLifecycle::finish_launch(const InstanceId& id) {
    const Time now = use_.clock.now();
    change_instance(use_.database, id, now, [&](Session& session, Instance& instance) {
        // Somebody may have asked to terminate it meanwhile.
        if (instance.state == InstanceState::pending) {
            instance.state = InstanceState::running;
            instance.state_reason = {};
        }
        for (Volume volume : images::volumes_of_instance(session, id)) {
            if (volume.state != VolumeState::creating) continue;
            images::set_layer_state(session, volume.region, volume.layer.value(),
                                    images::LayerState::live);
            volume.state = VolumeState::in_use;
            volume.attachment->state = images::AttachmentState::attached;
            images::update_volume(session, volume, now);
        }
        finish_operations(session, id.str(), operation_kind::launch);
    });
}

/// A launch that failed leaves its tombstone alone: no volume stays, whatever DeleteOnTermination
/// says.
void InstanceLifecycle::abandon_launch(const Instance& launched, const std::string& cause) {
    const InstanceId& id = launched.id;
    end_failed_boot(launched);
    remove_tpm_of(launched);
    use_.files.remove_all(id);
    const Time now = use_.clock.now();
    change_instance(use_.database, id, now, [&](Session& session, Instance& instance) {
        instance.state = InstanceState::terminated;
        instance.terminated = now;
        instance.state_reason = internal_error_reason(cause);
        instance.state_transition_reason = server_internal_error;
        for (Volume volume : images::volumes_of_instance(session, id)) {
            volume.attachment->delete_on_termination = true;
            images::update_volume(session, volume, now);
        }
        release_volumes(session, id, now);
        images::delete_interface_of(session, id);
        // Somebody may have asked to terminate it meanwhile: it is.
        for (const char* kind : {operation_kind::launch, operation_kind::terminate})
            finish_operations(session, id.str(), kind);
    });
    close_port_of(launched);
    let_layers_go_of(launched);
}

void InstanceLifecycle::start(const InstanceId& id) {
    const auto instance = load_instance(use_.database, id);
    if (!instance || instance->instance.state != InstanceState::pending) return;
    try {
        if (has_to_boot(instance->instance)) {
            create_ephemeral_disks(*instance);
            boot(*instance);
        }
        const Time now = use_.clock.now();
        change_instance(use_.database, id, now, [&](Session& session, Instance& changed) {
            finish_operations(session, id.str(), operation_kind::start);
            for (const Volume& volume : instance->volumes) {
                if (volume.storage != images::DeviceType::instance_store) continue;
                images::set_layer_state(session, volume.region, volume.layer.value(),
                                        images::LayerState::live);
            }
            // Somebody may have asked to terminate it meanwhile.
            if (changed.state != InstanceState::pending) return;
            changed.state = InstanceState::running;
            changed.state_reason = {};
            changed.state_transition_reason = "";
        });
    } catch (const std::exception& error) {
        throw_if_stopping();
        log::error("start of {} failed: {}", id.str(), error.what());
        end_failed_boot(instance->instance);
        const Time now = use_.clock.now();
        change_instance(use_.database, id, now, [&](Session& session, Instance& changed) {
            finish_operations(session, id.str(), operation_kind::start);
            if (changed.state != InstanceState::pending) return;
            changed.state = InstanceState::stopped;
            changed.state_reason = internal_error_reason(error.what());
        });
        use_.users.note_change();
    }
}

void InstanceLifecycle::power_off(const Instance& instance, bool ask_first) {
    const InstanceId& id = instance.id;
    hypervisor::Hypervisor& hypervisor = hypervisor_of(instance);
    use_.watch.forget_reboot(id);
    if (hypervisor.domain_state(id.str()) == DomainState::absent) return;
    if (ask_first && !use_.status.is_paused_by_io_error(id)) {
        try {
            // Again and again: a guest that is still booting does not see the first requests.
            for (int requests = 0; requests < shutdown_requests; ++requests) {
                hypervisor.request_shutdown(id.str());
                if (hypervisor.wait_until_gone(id.str(), shutdown_request_interval)) return;
            }
            log::warn("{} did not power off within {} s, so its power is cut", id.str(),
                      (shutdown_requests * shutdown_request_interval).count());
        } catch (const Error& error) {
            log::warn("{} cannot be asked to power off ({}), so its power is cut", id.str(),
                      error.what());
        }
    }
    hypervisor.destroy(id.str());
}

void InstanceLifecycle::stop(const InstanceId& id, bool force) {
    const auto instance = load_instance(use_.database, id);
    if (!instance || instance->instance.state != InstanceState::stopping) return;
    power_off(instance->instance, !force);
    finish_stop(instance->instance);
}

void InstanceLifecycle::finish_stop(const Instance& stopped) {
    const InstanceId& id = stopped.id;
    use_.status.gone(id);
    use_.appliances.forget(id);
    const Time now = use_.clock.now();
    change_instance(use_.database, id, now, [&](Session& session, Instance& instance) {
        finish_operations(session, id.str(), operation_kind::stop);
        renew_ephemeral_disks(session, id, now);
        // Somebody may have asked to terminate it meanwhile.
        if (instance.state == InstanceState::stopping) instance.state = InstanceState::stopped;
    });
    let_layers_go_of(stopped);
}

void InstanceLifecycle::terminate(const InstanceId& id) {
    const auto instance = load_instance(use_.database, id);
    if (!instance || instance->instance.state != InstanceState::shutting_down) return;
    // A guest whose volumes all go with it need not flush them.
    const bool keeps_a_volume = std::ranges::any_of(
        instance->volumes, [](const Volume& volume) { return !goes_with_its_instance(volume); });
    power_off(instance->instance, keeps_a_volume);
    finish_termination(instance->instance);
}

void InstanceLifecycle::remove_tpm_of(const Instance& instance) const {
    if (instance.tpm_support.empty()) return;
    try {
        hypervisor_of(instance).remove_tpm(instance.domain_uuid,
                                           guest_architecture(instance.architecture));
    } catch (const Error& error) {
        if (error.code() == error_code::unavailable) throw;  // the job is done again
        log::warn("the TPM of {} is left: {}", instance.id.str(), error.message());
    }
}

void InstanceLifecycle::finish_termination(const Instance& ended) {
    const InstanceId& id = ended.id;
    use_.status.gone(id);
    remove_tpm_of(ended);
    use_.appliances.forget(id);
    use_.files.remove_all(id);
    const Time now = use_.clock.now();
    change_instance(use_.database, id, now, [&](Session& session, Instance& instance) {
        instance.state = InstanceState::terminated;
        instance.terminated = now;
        release_volumes(session, id, now);
        images::delete_interface_of(session, id);
        for (const char* kind : {operation_kind::terminate, operation_kind::launch,
                                 operation_kind::start, operation_kind::stop}) {
            finish_operations(session, id.str(), kind);
        }
    });
    close_port_of(ended);
    let_layers_go_of(ended);
}

void InstanceLifecycle::settle_absent_domain(const InstanceId& id, const std::string& detail) {
    const auto described = load_instance(use_.database, id);
    if (!described || described->instance.state != InstanceState::running) return;
    const auto state = hypervisor_of(described->instance).domain_state(id.str());
    if (state != DomainState::absent) return;
    // Only a guest's own wish may delete volumes: not a crash, nor a host that was switched off.
    const bool wished = detail == hypervisor::guest_shutdown;
    // One that cannot be stopped has lost its root, however it went.
    const bool ends =
        described->instance.root_device_type == images::DeviceType::instance_store ||
        (wished && described->instance.shutdown_behavior == images::ShutdownBehavior::terminate);
    bool settled = false;
    const Time now = use_.clock.now();
    change_instance(use_.database, id, now, [&](Session& session, Instance& instance) {
        settled = instance.state == InstanceState::running;
        if (!settled) return;
        instance.state = ends ? InstanceState::shutting_down : InstanceState::stopping;
        instance.state_reason =
            wished ? guest_shutdown_reason()
                   : internal_error_reason(fmt::format(
                         "the virtual machine's process ended unexpectedly ({})", detail));
        instance.state_transition_reason = "";
        images::insert_operation(
            session, instance_operation(ends ? operation_kind::terminate : operation_kind::stop,
                                        instance, now));
    });
    if (!settled) return;
    ends ? finish_termination(described->instance) : finish_stop(described->instance);
}

}  // namespace kiln::launcher
