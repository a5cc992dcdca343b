#include "launcher/bundles/bundles.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/file.hpp"
#include "images/catalog/bucket.hpp"
#include "images/catalog/bundle_task.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/uefi_variables.hpp"
#include "images/catalog/usage.hpp"
#include "images/firmware/check_firmware.hpp"
#include "images/layers/checked_chain.hpp"
#include "images/layers/qemu_img.hpp"
#include "images/market/product_code.hpp"
#include "launcher/bundles/bundle_prefix.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/guest_firmware.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

using images::BundleTask;
using images::BundleTaskState;
using images::Image;
using images::ImageBlockDevice;
using images::Instance;

/// What is too large to be registered can be deleted all the same.
constexpr Bytes any_size{std::numeric_limits<std::uint64_t>::max()};

constexpr const char* yes = "true";

void check_can_be_bundled(const Instance& instance, const images::Volume* root) {
    if (instance.state != images::InstanceState::running &&
        instance.state != images::InstanceState::stopped) {
        throw Error(error_code::incorrect_instance_state, instance.id.str(),
                    fmt::format("The instance '{}' is {}: only one that is running or stopped can "
                                "be bundled.",
                                instance.id.str(), images::to_text(instance.state)));
    }
    if (root == nullptr) {
        throw Error(error_code::incorrect_instance_state, instance.id.str(),
                    fmt::format("The instance '{}' has no root device.", instance.id.str()));
    }
    if (root->key_id) {
        throw Error(error_code::unsupported_operation, instance.id.str(),
                    fmt::format("The root device of '{}' is encrypted, and a bundle would have its "
                                "content in clear.",
                                instance.id.str()));
    }
    if (root->size <= max_bundled_root) return;
    throw Error(
        error_code::invalid_parameter_value, instance.id.str(),
        fmt::format("The root device of '{}' has {} GiB, and that of an instance-store "
                    "image at most {}: create an image (CreateImage) instead.",
                    instance.id.str(), root->size.in_gibibytes(), max_bundled_root.in_gibibytes()));
}

BundleTask new_task(const images::Caller& caller, const BundleInstanceRequest& request, Time now) {
    return {.id = images::BundleTaskId::generate(),
            .owner = caller.account,
            .region = caller.region,
            .instance = request.instance,
            .bucket = request.bundle.bucket,
            .prefix = request.bundle.prefix,
            .state = BundleTaskState::pending,
            .started = now,
            .updated = now};
}

images::BundleDescription describe_instance(const InstanceWithVolumes& described,
                                            const BundleTask& task, std::string uefi_data) {
    Image machine = pending_image_of(described.instance, task.prefix, task.started);
    for (const images::Volume& volume : described.volumes) {
        machine.block_devices.push_back(
            {.device_name = volume.attachment->device_name, .virtual_name = volume.virtual_name});
    }
    images::BundleDescription description = describe(machine);
    description.uefi_data = std::move(uefi_data);
    return description;
}

/// The capture's keeper owns what it freezes.
void insert_bundling(Session& session, const BundleTask& task, const Bundling& bundling,
                     const Capture& capture) {
    images::insert_operation(session, {.id = capture.keeper.value(),
                                       .kind = operation_kind::bundle_instance,
                                       .owner = task.owner,
                                       .resource_id = task.id.str(),
                                       .payload = to_json(bundling),
                                       .created = task.started});
    images::insert_operation(session, {.id = bundling.capturing,
                                       .kind = operation_kind::create_snapshot,
                                       .owner = task.owner,
                                       .resource_id = task.instance.str(),
                                       .payload = to_json(capture),
                                       .created = task.started});
}

std::string device_in_manifest(std::string name) {
    constexpr std::string_view directory = "/dev/";
    if (name.starts_with(directory)) name.erase(0, directory.size());
    return name;
}

/// "sda1" of the manifest is /dev/sda1.
std::string device_name_of(const std::string& text) {
    std::string name = text.starts_with("/dev/") ? text : "/dev/" + text;
    if (is_device_name(name)) return name;
    throw Error("InvalidManifest", text,
                fmt::format("the manifest maps '{}', which is no device's name", text));
}

std::string root_device_of(const images::BundleManifest& manifest,
                           const RegisterImageRequest& request) {
    if (!request.root_device_name.empty()) return request.root_device_name;
    for (const images::BundleMapping& mapping : manifest.description.block_device_mapping) {
        if (mapping.virtual_name == root_virtual_name) return device_name_of(mapping.device);
    }
    return "/dev/sda1";
}

/// The root, the manifest's ephemeral disks, and what the request says.
std::vector<ImageBlockDevice> devices_of(const images::BundleManifest& manifest,
                                         const RegisterImageRequest& request,
                                         const std::string& root) {
    std::vector<ImageBlockDevice> devices;
    for (const images::BundleMapping& mapping : manifest.description.block_device_mapping) {
        if (!mapping.virtual_name.starts_with("ephemeral")) continue;
        devices.push_back({.device_name = device_name_of(mapping.device),
                           .volume_type = "",
                           .virtual_name = mapping.virtual_name});
    }
    devices = plan_captured_devices(std::move(devices), request.block_devices);
    default_to_delete_on_termination(devices, request.block_devices);
    if (std::ranges::find(devices, root, &ImageBlockDevice::device_name) != devices.end()) {
        throw Error("InvalidBlockDeviceMapping", root,
                    fmt::format("The root device {} of an instance-store image is its bundle: "
                                "leave it out of the mapping.",
                                root));
    }
    devices.push_back({.device_name = root,
                       .volume_size = manifest.size,
                       .volume_type = "",
                       .virtual_name = root_virtual_name});
    std::ranges::sort(devices, {}, &ImageBlockDevice::device_name);
    return devices;
}

images::Architecture architecture_of(const images::BundleManifest& manifest,
                                     const RegisterImageRequest& request) {
    const std::string& bundled = manifest.description.architecture;
    if (bundled == images::to_text(request.architecture)) return request.architecture;
    throw Error("InvalidManifest", bundled,
                fmt::format("the bundle is of the architecture '{}', and the request says '{}'",
                            bundled, images::to_text(request.architecture)));
}

images::BootMode boot_mode_of(const images::BundleManifest& manifest,
                              const RegisterImageRequest& request) {
    if (request.boot_mode != images::BootMode::legacy_bios ||
        manifest.description.boot_mode.empty()) {
        return request.boot_mode;
    }
    return images::parse_boot_mode(manifest.description.boot_mode);
}

images::VirtualizationType virtualization_type_of(const images::BundleManifest& manifest,
                                                  const RegisterImageRequest& request) {
    const std::string& bundled = manifest.description.virtualization_type;
    if (request.virtualization_type || bundled.empty())
        return request.virtualization_type.value_or(images::VirtualizationType::hvm);
    return images::parse_virtualization_type(bundled);
}

/// What the request says, or else the bundle.
std::string said_or_bundled(const std::string& said, const std::string& bundled) {
    return said.empty() ? bundled : said;
}

bool secure_boot_of(const images::BundleManifest& manifest, const RegisterImageRequest& request) {
    if (!request.secure_boot && request.uefi_data.empty())
        return manifest.description.secure_boot == yes;
    return images::secure_boot_of(request.secure_boot, request.uefi_data);
}

}  // namespace

void flatten(const InstanceLifecycle::Dependencies& use, const Region& region, const LayerId& layer,
             const std::filesystem::path& raw_file, const std::stop_token& stop) {
    remove_file(raw_file);
    const auto chain = images::checked_chain(use.database, region.pool, region.name, layer);
    Bytes needed;
    for (const images::Layer& one : chain)
        needed = needed + region.pool.allocated_size(one.id);
    region.pool.check_space(needed, use.free_space_reserve);
    images::qemu_img::convert_to_raw(region.pool.path_of(layer), raw_file, stop);
}

void check_store_space(const InstanceLifecycle::Dependencies& use,
                       const std::vector<std::filesystem::path>& files) {
    Bytes needed;
    for (const std::filesystem::path& file : files)
        needed = needed + allocated_size(file);
    const Bytes free = free_space(use.object_directory);
    if (free >= needed + use.free_space_reserve) return;
    throw Error(error_code::insufficient_instance_capacity, use.object_directory.string(),
                fmt::format("the object store below '{}' has {} MiB free, but {} MiB are needed "
                            "and {} MiB are kept in reserve: delete bundles or stored images, or "
                            "lower free_space_reserve_mib",
                            use.object_directory.string(), free.in_mebibytes(),
                            needed.in_mebibytes(), use.free_space_reserve.in_mebibytes()));
}

images::BundleDescription describe(const Image& machine) {
    const std::string root = device_in_manifest(machine.root_device_name);
    images::BundleDescription description{
        .name = machine.name,
        .user = machine.owner.str(),
        .architecture = std::string(images::to_text(machine.architecture)),
        .block_device_mapping = {{.virtual_name = root_virtual_name, .device = root},
                                 {.virtual_name = "root", .device = "/dev/" + root}},
        .boot_mode = std::string(images::to_text(machine.boot_mode)),
        .login_user = machine.login_user,
        .virtualization_type = std::string(images::to_text(machine.virtualization_type)),
        .kernel_id = machine.kernel_id,
        .tpm_support = machine.tpm_support,
        .secure_boot = machine.secure_boot ? yes : "",
        .platform = machine.platform,
        .os_id = machine.os_id,
        .drivers = machine.drivers};
    for (const ImageBlockDevice& device : machine.block_devices) {
        if (!device.virtual_name.starts_with("ephemeral")) continue;
        description.block_device_mapping.push_back(
            {.virtual_name = device.virtual_name,
             .device = device_in_manifest(device.device_name)});
    }
    return description;
}

BundleTask Launcher::bundle_instance(const images::Caller& caller,
                                     const BundleInstanceRequest& request) {
    Implementation& use = *implementation_;
    use.check_pool_space(caller.region);
    const OperationId capturing = OperationId::generate();
    Capture capture;
    // To pack them takes a while, which must not be that of a transaction.
    const std::string uefi_data =
        read_uefi_data_or_nothing(use.database().read([&](Session& session) {
            return images::get_instance(session, caller.scope(), request.instance);
        }),
                                  use.files());
    BundleTask task = use.database().write([&](Session& session) {
        const Instance instance = images::get_instance(session, caller.scope(), request.instance);
        const InstanceWithVolumes described{
            .instance = instance, .volumes = images::volumes_of_instance(session, instance.id)};
        check_can_be_bundled(instance, described.root());
        refuse_product_codes(session, instance.id.str());
        claim_bundle(session, use.use().store, caller.account, request.bundle, use.now());
        capture = {.instance = instance.id,
                   .keeper = OperationId::generate(),
                   .parts = {{.volume = described.root()->id, .snapshot = std::nullopt}}};
        BundleTask made = new_task(caller, request, use.now());
        images::insert_bundle_task(session, made);
        insert_bundling(
            session, made,
            {.capturing = capturing, .description = describe_instance(described, made, uefi_data)},
            capture);
        caller.stop_if_dry_run();
        return made;
    });
    use.capture().add(capturing, capture);
    return task;
}

BundleTask Launcher::cancel_bundle_task(const images::Caller& caller,
                                        const images::BundleTaskId& id) {
    Implementation& use = *implementation_;
    std::vector<images::Operation> operations;
    BundleTask canceled = use.database().write([&](Session& session) {
        BundleTask task = images::get_bundle_task(session, caller.scope(), id);
        if (task.state == BundleTaskState::complete || task.state == BundleTaskState::failed) {
            throw Error("IncorrectState", id.str(),
                        fmt::format("The bundle task '{}' is {}: only one that goes on can be "
                                    "canceled.",
                                    id.str(), images::to_text(task.state)));
        }
        task.state = BundleTaskState::cancelling;
        task.updated = use.now();
        images::update_bundle_task(session, task);
        operations = images::operations_of_resource(session, id.str());
        caller.stop_if_dry_run();
        return task;
    });
    for (const images::Operation& operation : operations)
        use.bundles().cancel(operation);
    return canceled;
}

std::optional<int> Launcher::bundled_percent(const images::BundleTaskId& task) const {
    return implementation_->bundles().percent_done(task);
}

void Launcher::delete_bundle(const images::Caller& caller, const std::string& location) {
    Implementation& use = *implementation_;
    const images::ObjectName manifest = parse_location(location);
    const auto bundles = use.lock_bundles();
    std::optional<Error> missing;
    use.database().write([&](Session& session) {
        images::check_own_bucket(session, caller.account, manifest.bucket);
        refuse_unfinished_bundle(session, manifest);
        const auto users = images::images_at_location(session, location);
        if (!users.empty()) {
            throw Error("DependencyViolation", location,
                        fmt::format("The bundle '{}' is that of the image {}: deregister it first.",
                                    location, users.front().str()));
        }
        try {
            images::read_manifest(use.use().store, manifest, any_size);
        } catch (const Error& error) {
            if (error.code() != "NoSuchKey" && error.code() != "NoSuchBucket") throw;
            missing = error;  // nobody is charged for what is gone
        }
        caller.stop_if_dry_run();
    });
    // It is charged until it is gone, whatever comes between.
    if (!missing) images::remove_bundle(use.use().store, manifest);
    use.database().write(
        [&](Session& session) { images::meter_bundle_end(session, location, use.now()); });
    if (missing) throw Error(*missing);
}

ImageId Launcher::Implementation::register_bundle(const images::Caller& caller,
                                                  const RegisterImageRequest& request) {
    if (!request.root_device_name.empty()) check_device_name(request.root_device_name);
    const images::ObjectName location = parse_location(request.location);
    database().read([&](Session& session) {
        images::check_own_bucket(session, caller.account, location.bucket);
        refuse_unfinished_bundle(session, location);
    });
    const auto manifest =
        images::check_bundle(use().store, location, max_bundled_root, pause_.token());
    const images::BundleDescription& bundled = manifest.description;
    Image image{.id = ImageId::generate(),
                .owner = caller.account,
                .region = caller.region,
                .name = request.name,
                .description = request.description,
                .state = images::ImageState::available,
                .architecture = architecture_of(manifest, request),
                .virtualization_type = virtualization_type_of(manifest, request),
                .boot_mode = boot_mode_of(manifest, request),
                .root_device_name = root_device_of(manifest, request),
                .kernel_id = said_or_bundled(request.kernel_id, bundled.kernel_id),
                .ramdisk_id = request.ramdisk_id,
                .platform = bundled.platform == images::windows_platform ? bundled.platform : "",
                .login_user = bundled.login_user.empty() ? "root" : bundled.login_user,
                .created = now(),
                .root_device_type = images::DeviceType::instance_store,
                .location = request.location,
                .imds_support = request.imds_support,
                .tpm_support = said_or_bundled(request.tpm_support, bundled.tpm_support),
                .secure_boot = secure_boot_of(manifest, request),
                .os_id = bundled.os_id,
                .drivers = bundled.drivers,
                .origin = images::ImageOrigin::registration};
    images::check_kernel(image.virtualization_type, image.architecture, image.kernel_id,
                         image.ramdisk_id);
    // Whoever says another word on Secure Boot does not mean the bundle's variables.
    const bool fits = !request.secure_boot || *request.secure_boot == (bundled.secure_boot == yes);
    const std::string uefi_data = said_or_bundled(request.uefi_data, fits ? bundled.uefi_data : "");
    images::check_firmware(image, uefi_data);
    const auto devices = devices_of(manifest, request, image.root_device_name);
    const auto bundles = lock_bundles();
    database().write([&](Session& session) {
        // It may have been deleted, and another one begun, while it was checked.
        refuse_unfinished_bundle(session, location);
        images::read_manifest(use().store, location, max_bundled_root);
        check_own_snapshots(session, caller, request.block_devices);
        image.block_devices = with_snapshot_sizes(session, devices, request.block_devices);
        images::inherit_product_codes(session, image);
        images::insert_image(session, image);
        images::set_uefi_data(session, image.id, uefi_data);
        images::set_tags(session, caller.scope(), image.id.str(), request.image_tags);
        caller.stop_if_dry_run();
    });
    return image.id;
}

}  // namespace kiln::launcher
