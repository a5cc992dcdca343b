#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/error.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/catalog/volume.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/instances/machine_checks.hpp"
#include "launcher/network/launch_network.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

using images::ImageBlockDevice;
using images::Instance;
using images::InstanceState;
using images::Volume;

void check_one_attribute(const ModifyInstanceAttributeRequest& request) {
    const int count = static_cast<int>(request.instance_type.has_value()) +
                      static_cast<int>(request.user_data.has_value()) +
                      static_cast<int>(request.kernel_id.has_value()) +
                      static_cast<int>(request.ramdisk_id.has_value()) +
                      static_cast<int>(request.disable_api_termination.has_value()) +
                      static_cast<int>(request.shutdown_behavior.has_value()) +
                      static_cast<int>(request.source_dest_check.has_value()) +
                      static_cast<int>(!request.security_groups.empty()) +
                      static_cast<int>(!request.block_devices.empty());
    if (count == 1) return;
    if (count == 0) {
        throw Error(error_code::missing_parameter, "", "No attributes specified.");
    }
    throw Error(error_code::invalid_parameter_combination, "",
                "Fields for multiple attribute types specified: change one attribute per request");
}

void check_stopped(const Instance& instance, const char* attribute) {
    if (instance.root_device_type == images::DeviceType::instance_store) {
        throw Error(error_code::unsupported_operation, instance.id.str(),
                    fmt::format("The {} of '{}' cannot be changed: its root device is an instance "
                                "store, so it is fixed for its life.",
                                attribute, instance.id.str()));
    }
    if (instance.state == InstanceState::stopped) return;
    throw Error(
        error_code::incorrect_instance_state, instance.id.str(),
        fmt::format("The instance '{}' is not in the 'stopped' state, which changing its {} "
                    "needs: it is {}.",
                    instance.id.str(), attribute, images::to_text(instance.state)));
}

void check_source_dest_check(const std::optional<bool>& check) {
    if (check.value_or(true)) return;
    throw Error(error_code::unsupported_operation, "SourceDestCheck",
                "The source and destination of an instance's packets are always checked.");
}

void check_alive(const Instance& instance) {
    if (instance.state != InstanceState::terminated &&
        instance.state != InstanceState::shutting_down) {
        return;
    }
    throw Error(error_code::incorrect_instance_state, instance.id.str(),
                fmt::format("The instance '{}' is {}.", instance.id.str(),
                            images::to_text(instance.state)));
}

void change_shutdown_behavior(Instance& instance, images::ShutdownBehavior behavior) {
    if (instance.root_device_type == images::DeviceType::instance_store) {
        throw Error(error_code::unsupported_operation, instance.id.str(),
                    fmt::format("The attribute instanceInitiatedShutdownBehavior can only be used "
                                "for instances with an 'ebs' root device: '{}' terminates.",
                                instance.id.str()));
    }
    instance.shutdown_behavior = behavior;
}

ImageBlockDevice device_of(const Volume& volume) {
    return {.device_name = volume.attachment->device_name,
            .volume_size = volume.size,
            .volume_type = volume.volume_type,
            .virtual_name = volume.virtual_name};
}

Volume ephemeral_disk(const Instance& instance, const ImageBlockDevice& device, Time now) {
    return {.id = VolumeId::generate(),
            .owner = instance.owner,
            .region = instance.region,
            .zone = instance.zone,
            .layer = LayerId::generate(),
            .state = images::VolumeState::in_use,
            .size = device.volume_size,
            .volume_type = device.volume_type,
            .created = now,
            .attachment = images::VolumeAttachment{.instance = instance.id,
                                                   .device_name = device.device_name,
                                                   .state = images::AttachmentState::attached,
                                                   .delete_on_termination = true,
                                                   .attached = now},
            .storage = images::DeviceType::instance_store,
            .virtual_name = device.virtual_name};
}

/// Those of a stopped instance hold nothing; its next start makes the files.
void exchange_ephemeral_disks(Session& session, const Instance& instance, const InstanceType& type,
                              Time now) {
    std::vector<ImageBlockDevice> devices;
    const auto volumes = images::volumes_of_instance(session, instance.id);
    std::ranges::transform(volumes, std::back_inserter(devices), device_of);
    devices = with_disks_of(type, std::move(devices));
    for (const Volume& volume : volumes) {
        const auto kept = std::erase_if(devices, [&](const ImageBlockDevice& device) {
            return device.device_name == volume.attachment->device_name &&
                   device.virtual_name == volume.virtual_name && device.volume_size == volume.size;
        });
        if (kept == 0) delete_attached(session, volume, now);
    }
    for (const ImageBlockDevice& device : devices)
        insert_creating_volume(session, ephemeral_disk(instance, device, now), std::nullopt);
}

void change_type(Session& session, const InstanceTypes& types, const OsProfile& profile,
                 Instance& instance, const std::string& name, Time now) {
    check_stopped(instance, "instance type");
    const InstanceType* type = types.find(name);
    if (type == nullptr) {
        throw Error("InvalidInstanceAttributeValue", name,
                    fmt::format("Invalid value '{}' for InstanceType. `kiln "
                                "describe-instance-types` lists them.",
                                name));
    }
    const std::string reason = mismatch(kind_of(instance), profile, *type);
    if (!reason.empty()) throw Error("InvalidInstanceAttributeValue", name, reason);
    instance.instance_type = name;
    exchange_ephemeral_disks(session, instance, *type, now);
}

void check_kernel_of(const Instance& instance) {
    images::check_kernel(instance.virtualization_type, instance.architecture, instance.kernel_id,
                         instance.ramdisk_id);
    images::require_kernel(instance.virtualization_type, instance.architecture, instance.kernel_id);
}

void change_block_devices(Session& session, const Instance& instance,
                          const std::vector<BlockDeviceOverride>& changes, Time now) {
    auto volumes = images::ebs_volumes_of_instance(session, instance.id);
    for (const BlockDeviceOverride& change : changes) {
        const auto volume = std::ranges::find_if(volumes, [&](const images::Volume& candidate) {
            return candidate.attachment->device_name == change.device_name;
        });
        if (volume == volumes.end()) {
            throw Error("InvalidInstanceAttributeValue", change.device_name,
                        fmt::format("No device is currently mapped at {}", change.device_name));
        }
        // Without a value EC2 takes true.
        volume->attachment->delete_on_termination = change.delete_on_termination.value_or(true);
        images::update_volume(session, *volume, now);
    }
}

void change_groups(Session& session, const images::Caller& caller, const Instance& instance,
                   const std::vector<SecurityGroupId>& groups, Time now) {
    const auto interface = images::interface_of_instance(session, instance.id);
    if (!interface) {
        throw Error(error_code::unsupported_operation, instance.id.str(),
                    fmt::format("The instance '{}' has QEMU's user networking, which has no "
                                "security groups: only 'kiln ssh' reaches it.",
                                instance.id.str()));
    }
    images::set_interface_groups(session, interface->id,
                                 requested_groups(session, caller, groups, {}, now));
}

}  // namespace

void Launcher::modify_instance_attribute(const images::Caller& caller,
                                         const ModifyInstanceAttributeRequest& request) {
    check_one_attribute(request);
    check_source_dest_check(request.source_dest_check);
    if (request.user_data) check_user_data(*request.user_data);
    const Time now = implementation_->now();
    OsProfile profile;
    if (request.instance_type) {
        profile = implementation_->profiles().of(
            kind_of(implementation_->database().read([&](Session& session) {
                return images::get_instance(session, caller.scope(), request.instance);
            })));
    }
    implementation_->database().write([&](Session& session) {
        Instance instance = images::get_instance(session, caller.scope(), request.instance);
        check_alive(instance);
        if (request.instance_type) {
            change_type(session, implementation_->types(), profile, instance,
                        *request.instance_type, now);
        }
        if (request.user_data) {
            check_stopped(instance, "user data");
            instance.user_data = *request.user_data;
        }
        if (request.kernel_id) {
            check_stopped(instance, "kernel");
            instance.kernel_id = *request.kernel_id;
            check_kernel_of(instance);
        }
        if (request.ramdisk_id) {
            check_stopped(instance, "RAM disk");
            instance.ramdisk_id = *request.ramdisk_id;
            check_kernel_of(instance);
        }
        if (request.disable_api_termination) {
            instance.disable_api_termination = *request.disable_api_termination;
        }
        if (request.shutdown_behavior)
            change_shutdown_behavior(instance, *request.shutdown_behavior);
        if (!request.security_groups.empty())
            change_groups(session, caller, instance, request.security_groups, now);
        change_block_devices(session, instance, request.block_devices, now);
        images::update_instance(session, instance, now);
        caller.stop_if_dry_run();
    });
    if (request.instance_type) implementation_->collect_layers(caller.region);
    if (!request.security_groups.empty()) implementation_->apply_network(caller);
}

}  // namespace kiln::launcher
