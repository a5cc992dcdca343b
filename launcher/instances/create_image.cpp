#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/firmware/check_firmware.hpp"
#include "images/market/product_code.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::Image;
using images::ImageBlockDevice;
using images::Instance;
using images::InstanceState;

void check_capturable(const Instance& instance) {
    if (instance.root_device_type == images::DeviceType::instance_store) {
        throw Error(error_code::unsupported_operation, instance.id.str(),
                    fmt::format("The instance '{}' does not have an 'ebs' root device type and "
                                "cannot be captured: bundle it (BundleInstance) and register "
                                "the bundle.",
                                instance.id.str()));
    }
    if (instance.state == InstanceState::running || instance.state == InstanceState::stopped)
        return;
    // Packer waits and tries again when it reads "Instance is not in state".
    throw Error(error_code::invalid_parameter_value, instance.id.str(),
                fmt::format("Instance is not in state 'running' or 'stopped': '{}' is {}",
                            instance.id.str(), images::to_text(instance.state)));
}

/// As the image is that the instance was launched from, if it is still known.
std::string inherited_imds_support(Session& session, const Instance& instance) {
    const auto source = images::find_image(session, instance.image);
    return source ? source->imds_support : "";
}

std::vector<ImageBlockDevice> attached_devices(const std::vector<images::Volume>& volumes) {
    std::vector<ImageBlockDevice> devices;
    devices.reserve(volumes.size());
    for (const images::Volume& volume : volumes) {
        if (!volume.virtual_name.empty()) {
            devices.push_back({.device_name = volume.attachment->device_name,
                               .volume_type = "",
                               .virtual_name = volume.virtual_name});
            continue;
        }
        devices.push_back({.device_name = volume.attachment->device_name,
                           .volume_size = volume.size,
                           .volume_type = volume.volume_type,
                           .delete_on_termination = volume.attachment->delete_on_termination,
                           .virtual_name = "",
                           .encrypted = volume.key_id.has_value()});
    }
    return devices;
}

/// Inserts the pending snapshots of the devices that the image keeps and names them in its mapping.
std::vector<CapturePart> insert_snapshots(Session& session, const std::string& description,
                                          const std::vector<images::Volume>& volumes,
                                          Image& image) {
    std::vector<CapturePart> parts;
    for (const images::Volume& volume : volumes) {
        const auto device = std::ranges::find(image.block_devices, volume.attachment->device_name,
                                              &ImageBlockDevice::device_name);
        if (device == image.block_devices.end() || !device->virtual_name.empty()) continue;
        parts.push_back(insert_pending_snapshot(session, volume, description, image.created));
        device->snapshot = parts.back().snapshot;
    }
    return parts;
}

/// Throws when there is none.
const ImageBlockDevice& root_device_of(const Image& image) {
    const ImageBlockDevice* root = images::root_device(image);
    if (root != nullptr && root->virtual_name.empty()) return *root;
    throw Error("InvalidBlockDeviceMapping", image.root_device_name,
                fmt::format("an image needs its root device {}", image.root_device_name));
}

[[noreturn]] void throw_pending(const ImageId& id) {
    throw Error("InvalidAMIID.Unavailable", id.str(),
                fmt::format("The image ID '{}' is pending: wait until it is available, or cancel "
                            "its build",
                            id.str()));
}

void check_not_protected(const Image& image, Time now) {
    if (image.deregistration_protection != images::DeregistrationProtection::disabled) {
        throw Error("OperationNotPermitted", image.id.str(),
                    fmt::format("The image '{0}' is protected from being deregistered: first run "
                                "kiln disable-image-deregistration-protection --image-id {0}",
                                image.id.str()));
    }
    if (image.protected_until && *image.protected_until > now) {
        throw Error("OperationNotPermitted", image.id.str(),
                    fmt::format("The image '{}' is protected from being deregistered until {}",
                                image.id.str(), format_time(*image.protected_until)));
    }
}

/// As in the image that has the same root, since a snapshot does not say.
std::string login_user_of(Session& session, const ImageBlockDevice& root) {
    if (root.snapshot) {
        for (const ImageId& other : images::images_using_snapshot(session, *root.snapshot)) {
            if (const auto found = images::find_image(session, other)) return found->login_user;
        }
    }
    return "root";
}

}  // namespace

ImageId Launcher::create_image(const images::Caller& caller, const CreateImageRequest& request) {
    Implementation& use = *implementation_;
    images::check_image_name(request.name);
    check_description(request.description);
    for (const BlockDeviceOverride& device : request.block_devices)
        check_encryption(use.database(), caller, device.encryption);
    use.check_pool_space(caller.region);
    const OperationId operation = OperationId::generate();
    const Capture capture = use.database().write([&](Session& session) {
        const Instance instance = images::get_instance(session, caller.scope(), request.instance);
        check_capturable(instance);
        const auto volumes = images::volumes_of_instance(session, instance.id);
        Image image = pending_image_of(instance, request.name, use.now());
        image.description = request.description;
        image.imds_support = inherited_imds_support(session, instance);
        const auto devices =
            plan_captured_devices(attached_devices(volumes), request.block_devices);
        check_own_snapshots(session, caller, request.block_devices);
        image.block_devices = with_snapshot_sizes(session, devices, request.block_devices);
        root_device_of(image);
        images::inherit_product_codes(session, instance.id.str(), image.id.str());
        const auto parts = insert_snapshots(
            session,
            fmt::format("Created by CreateImage({}) for {}", instance.id.str(), image.id.str()),
            volumes, image);
        images::inherit_product_codes(session, image);
        images::insert_image(session, image);
        images::set_tags(session, caller.scope(), image.id.str(), request.image_tags);
        for (const CapturePart& part : parts) {
            images::set_tags(session, caller.scope(), part.snapshot->str(), request.snapshot_tags);
        }
        Capture made{.image = image.id,
                     .instance = instance.id,
                     .no_reboot = request.no_reboot,
                     .parts = parts};
        images::insert_operation(session, {.id = operation,
                                           .kind = operation_kind::create_image,
                                           .owner = instance.owner,
                                           .resource_id = instance.id.str(),
                                           .payload = to_json(made),
                                           .created = image.created});
        caller.stop_if_dry_run();
        return made;
    });
    use.capture().add(operation, capture);
    return capture.image.value();
}

ImageId Launcher::register_image(const images::Caller& caller,
                                 const RegisterImageRequest& request) {
    images::check_image_name(request.name);
    check_description(request.description);
    for (const BlockDeviceOverride& device : request.block_devices)
        check_encryption(implementation_->database(), caller, device.encryption);
    if (!request.location.empty()) return implementation_->register_bundle(caller, request);
    const auto virtualization_type =
        request.virtualization_type.value_or(images::VirtualizationType::hvm);
    images::check_kernel(virtualization_type, request.architecture, request.kernel_id,
                         request.ramdisk_id);
    Image image{.id = ImageId::generate(),
                .owner = caller.account,
                .region = caller.region,
                .name = request.name,
                .description = request.description,
                .state = images::ImageState::available,
                .architecture = request.architecture,
                .virtualization_type = virtualization_type,
                .boot_mode = request.boot_mode,
                .root_device_name = request.root_device_name,
                .kernel_id = request.kernel_id,
                .ramdisk_id = request.ramdisk_id,
                .created = implementation_->now(),
                .imds_support = request.imds_support,
                .tpm_support = request.tpm_support,
                .secure_boot = images::secure_boot_of(request.secure_boot, request.uefi_data),
                .origin = images::ImageOrigin::registration};
    images::check_firmware(image, request.uefi_data);
    image.block_devices = plan_captured_devices({}, request.block_devices);
    default_to_delete_on_termination(image.block_devices, request.block_devices);
    root_device_of(image);
    implementation_->database().write([&](Session& session) {
        check_own_snapshots(session, caller, request.block_devices);
        image.block_devices =
            with_snapshot_sizes(session, image.block_devices, request.block_devices);
        image.login_user = login_user_of(session, root_device_of(image));
        images::inherit_product_codes(session, image);
        images::insert_image(session, image);
        images::set_uefi_data(session, image.id, request.uefi_data);
        images::set_tags(session, caller.scope(), image.id.str(), request.image_tags);
        caller.stop_if_dry_run();
    });
    return image.id;
}

void Launcher::deregister_image(const images::Caller& caller, const ImageId& id,
                                bool delete_snapshots) {
    Implementation& use = *implementation_;
    std::optional<std::function<void()>> cancel_copy;
    use.database().write([&](Session& session) {
        const Image image = images::get_own_image(session, caller.scope(), id);
        check_not_protected(image, use.now());
        if (image.state == images::ImageState::pending) {
            cancel_copy = use.withdraw_pending(session, id.str());
            if (!cancel_copy) throw_pending(id);
        }
        images::set_image_state(session, id, images::ImageState::deregistered);
        images::delete_all_tags(session, id.str());
        images::set_image_block_devices(session, id, {});
        for (const ImageBlockDevice& device : image.block_devices) {
            if (!delete_snapshots || !device.snapshot) continue;
            const auto snapshot = images::find_snapshot(session, *device.snapshot);
            const bool deletable = snapshot && snapshot->owner == caller.account &&
                                   images::images_using_snapshot(session, snapshot->id).empty();
            if (!deletable) continue;
            images::delete_all_tags(session, snapshot->id.str());
            images::delete_snapshot(session, snapshot->id, use.now());
        }
        caller.stop_if_dry_run();
    });
    if (cancel_copy) (*cancel_copy)();
    use.collect_layers(caller.region);
}

}  // namespace kiln::launcher
