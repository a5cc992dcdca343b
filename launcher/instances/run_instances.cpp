#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/random.hpp"
#include "images/accounts/allowed_images.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/key_pair.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/volume.hpp"
#include "images/market/product_code.hpp"
#include "images/market/subscription.hpp"
#include "launcher/implementation.hpp"
#include "launcher/instances/guest_firmware.hpp"
#include "launcher/instances/instance_quotas.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/instances/launch_token.hpp"
#include "launcher/instances/machine_checks.hpp"
#include "launcher/network/launch_network.hpp"
#include "launcher/platforms/guest_profiles.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

using images::Image;
using images::ImageBlockDevice;
using images::Instance;

constexpr int max_instances_per_request = 100;

void check_counts(const RunInstancesRequest& request) {
    if (request.min_count < 1 || request.max_count < request.min_count) {
        throw Error(
            error_code::invalid_parameter_value, "MinCount",
            fmt::format("Value ({}) for parameter MinCount is invalid: expecting at least 1 "
                        "and at most MaxCount ({})",
                        request.min_count, request.max_count));
    }
    if (request.max_count > max_instances_per_request) {
        throw Error("InstanceLimitExceeded", "MaxCount",
                    fmt::format("at most {} instances can be launched by one request",
                                max_instances_per_request));
    }
    if (request.private_address && request.max_count > 1) {
        throw Error(error_code::invalid_parameter_combination, "PrivateIpAddress",
                    "One private address is for one instance: leave it out, or let MaxCount be 1");
    }
}

/// What instances of an instance-store image are cannot be chosen.
void check_root_device_type(const Image& image, const RunInstancesRequest& request) {
    if (image.root_device_type == images::DeviceType::ebs || !request.shutdown_behavior) return;
    throw Error(error_code::invalid_parameter_combination, image.id.str(),
                "The attribute instanceInitiatedShutdownBehavior can only be used for elastic "
                "images.");
}

/// cloud-init's Ec2 data source is chosen by the UUID's first characters.
std::string ec2_uuid() {
    return "ec2" + random_uuid().substr(3);
}

/// A locally administered address in QEMU's range.
std::string random_mac_address() {
    const std::string hex = random_hex(6);
    return fmt::format("52:54:00:{}:{}:{}", hex.substr(0, 2), hex.substr(2, 2), hex.substr(4, 2));
}

/// What all the instances of a request are made from.
struct PlannedLaunch {
    const images::Caller& caller;
    const RunInstancesRequest& request;
    Image image;
    std::vector<ImageBlockDevice> devices;
    std::string zone;
    std::string public_key;
    ReservationId reservation;
    std::optional<std::string> own_key;        // of new volumes that are to be encrypted
    std::optional<images::Subnet> subnet;      // absent: user networking
    std::vector<SecurityGroupId> groups = {};  // when there is a subnet
    Time now;
    std::vector<std::string> codes = {};     // product codes of the instances
    images::ProductCodes device_codes = {};  // of their volumes, by device name
};

std::string kernel_of(const Image& image, const RunInstancesRequest& request) {
    return request.kernel_id.empty() ? image.kernel_id : request.kernel_id;
}

std::string ramdisk_of(const Image& image, const RunInstancesRequest& request) {
    return request.ramdisk_id.empty() ? image.ramdisk_id : request.ramdisk_id;
}

Instance new_instance(const PlannedLaunch& from, int launch_index) {
    const RunInstancesRequest& request = from.request;
    const Image& image = from.image;
    return {.id = InstanceId::generate(),
            .owner = from.caller.account,
            .region = from.caller.region,
            .zone = from.zone,
            .reservation = from.reservation,
            .image = image.id,
            .instance_type = request.instance_type,
            .state = images::InstanceState::pending,
            .architecture = image.architecture,
            .virtualization_type = image.virtualization_type,
            .boot_mode = image.boot_mode,
            .platform = image.platform,
            .root_device_name = image.root_device_name,
            .kernel_id = kernel_of(image, request),
            .ramdisk_id = ramdisk_of(image, request),
            .login_user = image.login_user,
            .key_name = request.key_name,
            .public_key = from.public_key,
            .user_data = request.user_data,
            .shutdown_behavior = request.shutdown_behavior.value_or(images::ShutdownBehavior::stop),
            .disable_api_termination = request.disable_api_termination,
            .launch_index = launch_index,
            .client_token = request.client_token,
            .domain_uuid = from.subnet ? ec2_uuid() : random_uuid(),
            .mac_address = random_mac_address(),
            .launched = from.now,
            .root_device_type = image.root_device_type,
            .metadata = launch_metadata_options(image, request.metadata),
            .tpm_support = image.tpm_support,
            .secure_boot = image.secure_boot,
            .os_id = image.os_id,
            .drivers = image.drivers,
            .asked_image = request.asked_image};
}

/// Takes an address of the subnet for the instance.
void insert_interface(Session& session, const PlannedLaunch& from, Instance& instance) {
    const images::NetworkInterface interface =
        new_interface(session, instance, *from.subnet, from.groups, from.request.private_address);
    instance.mac_address = interface.mac_address;
    images::update_instance(session, instance, from.now);
    images::insert_network_interface(session, interface);
    images::set_tags(session, from.caller.scope(), interface.id.str(), from.request.interface_tags);
}

/// The volume of one device, with the row of the overlay that it will be.
images::Volume insert_volume_for(Session& session, const PlannedLaunch& from,
                                 const Instance& instance, const ImageBlockDevice& device) {
    std::optional<LayerId> parent;
    std::optional<std::string> key = device.encrypted ? from.own_key : std::nullopt;
    if (device.snapshot) {
        const auto snapshot = images::find_snapshot(session, *device.snapshot);
        if (!snapshot || !snapshot->layer) {
            throw Error("InvalidSnapshot.NotFound", device.snapshot->str(),
                        fmt::format("The snapshot '{}' does not exist.", device.snapshot->str()));
        }
        parent = snapshot->layer;
        key = snapshot->key_id;
    }
    images::Volume volume{.id = VolumeId::generate(),
                          .owner = instance.owner,
                          .region = instance.region,
                          .zone = instance.zone,
                          .layer = LayerId::generate(),
                          .snapshot = device.snapshot,
                          .state = images::VolumeState::creating,
                          .size = device.volume_size,
                          .volume_type = device.volume_type,
                          .created = from.now,
                          .attachment = images::VolumeAttachment{
                              .instance = instance.id,
                              .device_name = device.device_name,
                              .state = images::AttachmentState::attaching,
                              .delete_on_termination = device.delete_on_termination,
                              .attached = from.now}};
    volume.key_id = std::move(key);
    if (!device.virtual_name.empty()) volume.storage = images::DeviceType::instance_store;
    images::add_product_codes(session, volume.id.str(), from.device_codes.at(device.device_name));
    if (device.virtual_name == root_virtual_name) {
        volume.layer.reset();  // until the bundle is unpacked
        images::insert_volume(session, volume);
    } else {
        volume.virtual_name = device.virtual_name;
        insert_creating_volume(session, volume, parent);
    }
    return volume;
}

bool is_new_and_encrypted(const ImageBlockDevice& device) {
    return device.encrypted && !device.snapshot;
}

/// The instance gets those of the image and of all snapshots, a volume those of its snapshot, and
/// where that is the image's own those of the image. All must be subscribed to.
void load_product_codes(Session& session, PlannedLaunch& from) {
    from.codes = images::product_codes_of(session, from.image.id.str());
    const std::vector<std::string> of_image = from.codes;
    for (const ImageBlockDevice& device : from.devices) {
        std::vector<std::string>& codes = from.device_codes[device.device_name];
        if (!device.snapshot) continue;
        codes = images::product_codes_of(session, device.snapshot->str());
        std::ranges::copy(codes, std::back_inserter(from.codes));
        const bool is_own =
            std::ranges::find(from.image.block_devices, device.snapshot,
                              &ImageBlockDevice::snapshot) != from.image.block_devices.end();
        if (is_own) std::ranges::copy(of_image, std::back_inserter(codes));
    }
    images::check_subscribed(session, from.caller.account, from.codes);
}

Instance insert_launch(Session& session, const PlannedLaunch& from, int launch_index) {
    Instance instance = new_instance(from, launch_index);
    images::insert_instance(session, instance);
    if (from.subnet) insert_interface(session, from, instance);
    const images::Scope scope = from.caller.scope();
    images::set_tags(session, scope, instance.id.str(), from.request.instance_tags);
    images::set_system_tags(session, scope, instance.id.str(), from.request.system_tags);
    images::add_product_codes(session, instance.id.str(), from.codes);
    for (const ImageBlockDevice& device : from.devices) {
        const images::Volume volume = insert_volume_for(session, from, instance, device);
        if (volume.storage == images::DeviceType::ebs) {
            images::set_tags(session, scope, volume.id.str(), from.request.volume_tags);
        }
    }
    images::insert_operation(session,
                             instance_operation(operation_kind::launch, instance, from.now));
    return instance;
}

std::string zone_for(const std::string& wanted, const std::vector<std::string>& zones) {
    if (wanted.empty()) return zones.front();
    if (std::ranges::find(zones, wanted) != zones.end()) return wanted;
    throw Error(error_code::invalid_parameter_value, wanted,
                fmt::format("Invalid availability zone: [{}]. Zones of this region: {}", wanted,
                            fmt::join(zones, ", ")));
}

std::string public_key_for(Session& session, const images::Caller& caller,
                           const RunInstancesRequest& request) {
    if (request.trial) return request.trial->public_key;
    if (request.key_name.empty()) return "";
    return images::get_key_pair(session, caller.scope(), request.key_name).public_key;
}

Image image_to_launch(Session& session, const images::Caller& caller,
                      const RunInstancesRequest& request, Time now) {
    if (request.trial) {
        Image image = images::get_own_image(session, caller.scope(), request.image);
        if (image.state == images::ImageState::pending) return image;
    }
    Image image = images::get_launchable_image(session, caller.scope(), request.image);
    images::check_allowed(session, caller.scope(), image, now);
    return image;
}

Reservation insert_reservation(Session& session, const PlannedLaunch& from, int count,
                               const std::string& digest) {
    Reservation made{.id = from.reservation, .owner = from.caller.account};
    for (int i = 0; i < count; ++i)
        made.instances.push_back(insert_launch(session, from, i));
    remember_reservation(session, from.caller, from.request, digest, made.id, from.now);
    return made;
}

}  // namespace

void Launcher::Implementation::check_machine(const images::Caller& caller,
                                             const RunInstancesRequest& request, const Image& image,
                                             const InstanceType& type) {
    const GuestKind guest = kind_of(image);
    const std::string reason = mismatch(guest, profiles_.of(guest), type);
    if (!reason.empty()) throw Error(error_code::invalid_parameter_combination, type.name, reason);
    check_host_runs(image.architecture, type, use().accelerators, use().settings);
    check_has_firmware(image);
    const std::string kernel = kernel_of(image, request);
    images::check_kernel(image.virtualization_type, image.architecture, kernel,
                         ramdisk_of(image, request));
    images::require_kernel(image.virtualization_type, image.architecture, kernel);
    check_root_device_type(image, request);
    if (image.virtualization_type == images::VirtualizationType::hvm) return;
    database().read(
        [&](Session& session) { appliance_for(session, region_of(caller), caller.account, {}); });
}

Reservation Launcher::run_instances(const images::Caller& caller,
                                    const RunInstancesRequest& request) {
    Implementation& use = *implementation_;
    check_counts(request);
    check_client_token(request.client_token);
    check_user_data(request.user_data);
    for (const BlockDeviceOverride& device : request.block_devices)
        check_encryption(use.database(), caller, device.encryption);
    const InstanceType& type = use.types().get(request.instance_type);
    const Region& region = use.region_of(caller);
    const auto obstacle = use.networks().obstacle(region);
    if (obstacle) check_user_networking(request, *obstacle);
    use.networks().vpc_of(region);
    const std::string wanted_zone = use.database().read(
        [&](Session& session) { return requested_zone(session, caller, request); });
    const std::string zone = zone_for(wanted_zone, region.zones);
    const std::string digest =
        request.token_digest.empty() ? launch_digest(request) : request.token_digest;

    // Two launches at once must not both take the last of the memory.
    const auto admission = use.lock_admission();
    auto earlier = use.database().read([&](Session& session) {
        return earlier_reservation(session, caller, request.client_token, digest);
    });
    if (earlier) return std::move(*earlier);
    const Image image = use.database().read(
        [&](Session& session) { return image_to_launch(session, caller, request, use.now()); });
    use.check_machine(caller, request, image, type);
    const auto devices = plan_block_devices(image, request.block_devices, type);
    use.check_pool_space(caller.region);
    const auto host_memory = use.host_memory(caller);
    const int count = use.database().read([&](Session& session) {
        return use.fitting_count(session, host_memory,
                                 {.type = type, .virtualization_type = image.virtualization_type},
                                 request.max_count, request.min_count);
    });

    std::optional<std::string> own_key;
    if (std::ranges::any_of(devices, is_new_and_encrypted))
        own_key = account_key(use.database(), use.region_of(caller), caller, use.now());

    Reservation reservation = use.database().write([&](Session& session) {
        const Image launched = image_to_launch(session, caller, request, use.now());
        check_snapshots(session, caller, request.block_devices, launched.block_devices);
        PlannedLaunch from{.caller = caller,
                           .request = request,
                           .image = launched,
                           .devices = with_snapshot_sizes(session, devices, request.block_devices),
                           .zone = zone,
                           .public_key = public_key_for(session, caller, request),
                           .reservation = ReservationId::generate(),
                           .own_key = own_key,
                           .now = use.now()};
        if (!obstacle) {
            from.subnet = subnet_of_zone(session, caller.region, zone);
            from.groups = requested_groups(session, caller, request.security_groups,
                                           request.security_group_names, from.now);
        }
        load_product_codes(session, from);
        check_launch_quotas(session, use.types(), caller.account, request.instance_type, count);
        from.image.last_launched = from.now;
        images::update_image(session, from.image);
        Reservation made = insert_reservation(session, from, count, digest);
        caller.stop_if_dry_run();
        return made;
    });
    for (const Instance& instance : reservation.instances)
        use.add_launch(instance);
    return reservation;
}

}  // namespace kiln::launcher
