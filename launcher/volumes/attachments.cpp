#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/market/product_code.hpp"
#include "images/market/subscription.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/volumes/volume_refusals.hpp"

namespace kiln::launcher {

namespace {

using images::AttachmentState;
using images::Instance;
using images::InstanceState;
using images::Volume;
using images::VolumeState;

void check_attachable(const Volume& volume) {
    if (volume.state == VolumeState::in_use) refuse_in_use(volume);
    if (volume.state != VolumeState::available) refuse_state(volume, "available");
}

void check_takes_volumes(const Instance& instance) {
    if (instance.state == InstanceState::running || instance.state == InstanceState::stopped)
        return;
    throw Error("IncorrectState", instance.id.str(),
                fmt::format("Instance '{}' is not 'running' or 'stopped': it is {}.",
                            instance.id.str(), images::to_text(instance.state)));
}

void check_device(Session& session, const Instance& instance, const std::string& device) {
    if (!is_device_name(device)) {
        throw Error(error_code::invalid_parameter_value, device,
                    fmt::format("Value ({}) for parameter device is invalid. {} is not a valid EBS "
                                "device name: expecting one like /dev/sdf.",
                                device, device));
    }
    const auto volumes = images::volumes_of_instance(session, instance.id);
    for (const Volume& other : volumes) {
        if (other.attachment->device_name != device) continue;
        throw Error("InvalidDevice.InUse", device,
                    fmt::format("Invalid value '{}' for unixDevice. Attachment point {} is already "
                                "in use by '{}'.",
                                device, device, other.id.str()));
    }
    if (volumes.size() < max_disks) return;
    throw Error("AttachmentLimitExceeded", instance.id.str(),
                fmt::format("The instance '{}' has {} volumes, which is as many as it can.",
                            instance.id.str(), volumes.size()));
}

/// A guest boots with a few slots for disks that come later. `free_slots` of them were free.
void check_slots(Session& session, const Instance& instance,
                 const std::optional<std::size_t>& free_slots) {
    if (instance.state != InstanceState::running || !free_slots) return;
    const auto volumes = images::volumes_of_instance(session, instance.id);
    const auto on_their_way = std::ranges::count_if(volumes, [](const Volume& volume) {
        return volume.attachment->state == AttachmentState::attaching;
    });
    if (static_cast<std::size_t>(on_their_way) < *free_slots) return;
    throw Error("AttachmentLimitExceeded", instance.id.str(),
                fmt::format("The instance '{}' has no slot left for another volume while it runs: "
                            "stop it, attach the volume, and start it.",
                            instance.id.str()));
}

/// A SATA disk neither comes nor goes while its guest runs.
void check_pluggable(const Instance& instance, hypervisor::DiskBus bus) {
    if (instance.state == InstanceState::stopped || bus == hypervisor::DiskBus::virtio) return;
    throw Error(error_code::unsupported_operation, instance.id.str(),
                fmt::format("The system of '{}' has no drivers for disks that come and go while it "
                            "runs: stop it first.",
                            instance.id.str()));
}

/// Xen has the guest's disks from its start.
void check_not_paravirtual(const Instance& instance) {
    if (instance.virtualization_type == images::VirtualizationType::hvm ||
        instance.state == InstanceState::stopped) {
        return;
    }
    throw Error(error_code::unsupported_operation, instance.id.str(),
                fmt::format("The volumes of a paravirtual instance change while it is stopped: "
                            "stop '{}' first.",
                            instance.id.str()));
}

/// An instance boots in its own zone, and EC2's clients rely on the refusal.
void check_zones(const Volume& volume, const Instance& instance) {
    if (volume.zone == instance.zone) return;
    throw Error("InvalidVolume.ZoneMismatch", volume.id.str(),
                fmt::format("The volume '{}' is in the zone '{}', and the instance '{}' in '{}'.",
                            volume.id.str(), volume.zone, instance.id.str(), instance.zone));
}

void check_attachment(const Volume& volume, const DetachVolumeRequest& request) {
    if (!volume.attachment) refuse_state(volume, "in-use");
    const bool other_instance =
        request.instance && *request.instance != volume.attachment->instance;
    const bool other_device =
        request.device_name && *request.device_name != volume.attachment->device_name;
    if (!other_instance && !other_device) return;
    throw Error("InvalidAttachment.NotFound", volume.id.str(),
                fmt::format("The volume '{}' is attached to '{}' as {}.", volume.id.str(),
                            volume.attachment->instance.str(), volume.attachment->device_name));
}

/// The instance gets those of the volume, while it does not run and its owner pays for them.
void take_product_codes(Session& session, const Volume& volume, const Instance& instance) {
    const auto codes = images::product_codes_of(session, volume.id.str());
    if (codes.empty()) return;
    if (instance.state != InstanceState::stopped) {
        throw Error(error_code::incorrect_instance_state, instance.id.str(),
                    fmt::format("Unable to attach volume '{}' with Marketplace codes to instance "
                                "'{}' as the instance is not in the 'stopped' state.",
                                volume.id.str(), instance.id.str()));
    }
    images::check_subscribed(session, volume.owner, codes);
    images::add_product_codes(session, instance.id.str(), codes);
}

void check_product_codes_stay(Session& session, const Volume& volume) {
    if (images::product_codes_of(session, volume.id.str()).empty()) return;
    const Instance instance = images::find_instance(session, volume.attachment->instance).value();
    if (instance.state == InstanceState::stopped) return;
    throw Error(error_code::incorrect_instance_state, volume.id.str(),
                fmt::format("Unable to detach volume '{}' with Marketplace codes from instance "
                            "'{}' as the instance is not in the 'stopped' state.",
                            volume.id.str(), instance.id.str()));
}

void check_detachable(Session& session, const Volume& volume, hypervisor::DiskBus bus) {
    const Instance instance = images::find_instance(session, volume.attachment->instance).value();
    if (volume.attachment->device_name == instance.root_device_name &&
        instance.state != InstanceState::stopped) {
        throw Error("OperationNotPermitted", volume.id.str(),
                    fmt::format("Unable to detach root volume '{}' from instance '{}': stop the "
                                "instance first.",
                                volume.id.str(), instance.id.str()));
    }
    check_not_paravirtual(instance);
    check_pluggable(instance, bus);
    if (volume.attachment->state == AttachmentState::attached) return;
    throw Error("IncorrectState", volume.id.str(),
                fmt::format("The volume '{}' is {}.", volume.id.str(),
                            images::to_text(volume.attachment->state)));
}

}  // namespace

Volume Launcher::attach_volume(const images::Caller& caller, const AttachVolumeRequest& request) {
    Implementation& use = *implementation_;
    const auto free_slots =
        use.region_of(caller).hypervisor.free_disk_slots(request.instance.str());
    const hypervisor::DiskBus bus = use.disk_bus_of(request.instance);
    Volume volume = use.database().write([&](Session& session) {
        Volume changed = images::get_volume(session, caller.scope(), request.volume);
        const Instance instance = images::get_instance(session, caller.scope(), request.instance);
        check_attachable(changed);
        check_takes_volumes(instance);
        check_zones(changed, instance);
        check_device(session, instance, request.device_name);
        check_not_paravirtual(instance);
        check_pluggable(instance, bus);
        check_slots(session, instance, free_slots);
        take_product_codes(session, changed, instance);
        changed.state = VolumeState::in_use;
        changed.attachment = images::VolumeAttachment{.instance = instance.id,
                                                      .device_name = request.device_name,
                                                      .state = AttachmentState::attaching,
                                                      .delete_on_termination = false,
                                                      .attached = use.now()};
        images::update_volume(session, changed, use.now());
        images::insert_operation(
            session, volume_operation(operation_kind::attach_volume, changed, use.now()));
        caller.stop_if_dry_run();
        return changed;
    });
    use.volume_jobs().add(operation_kind::attach_volume, volume.id);
    return volume;
}

Volume Launcher::detach_volume(const images::Caller& caller, const DetachVolumeRequest& request) {
    Implementation& use = *implementation_;
    const auto attached = use.database().read([&](Session& session) {
        return images::get_volume(session, caller.scope(), request.volume).attachment;
    });
    const hypervisor::DiskBus bus =
        attached ? use.disk_bus_of(attached->instance) : hypervisor::DiskBus::virtio;
    Volume volume = use.database().write([&](Session& session) {
        Volume changed = images::get_volume(session, caller.scope(), request.volume);
        check_attachment(changed, request);
        const bool again = changed.attachment->state == AttachmentState::detaching;
        if (again && request.force) return changed;
        check_detachable(session, changed, bus);
        check_product_codes_stay(session, changed);
        changed.attachment->state = AttachmentState::detaching;
        images::update_volume(session, changed, use.now());
        images::insert_operation(
            session, volume_operation(operation_kind::detach_volume, changed, use.now()));
        caller.stop_if_dry_run();
        return changed;
    });
    use.volume_jobs().add(operation_kind::detach_volume, volume.id);
    return volume;
}

}  // namespace kiln::launcher
