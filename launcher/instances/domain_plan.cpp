#include "launcher/instances/domain_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/network_interface.hpp"
#include "launcher/instances/guest_firmware.hpp"
#include "launcher/instances/guest_users.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/network/network_plan.hpp"
#include "launcher/network/networks.hpp"
#include "launcher/platforms/apple.hpp"
#include "launcher/platforms/guest_profiles.hpp"
#include "launcher/regions/regions.hpp"
#include "launcher/types/guest_architecture.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

/// Each costs the firmware and the guest some 30 ms of their boot under TCG.
constexpr std::uint32_t spare_disk_slots = 8;
/// Those that can be plugged in while the guest runs come between it and the others.
constexpr const char* virtio_seed_target = "vdz";
constexpr const char* seed_serial = "kiln-seed";

/// "vda" for 0, "vdb" for 1, …; "sda" and so on of a SATA bus.
std::string disk_target(hypervisor::DiskBus bus, std::size_t index) {
    static_assert(max_disks + 1 <= 26);  // a seed comes after them
    return {bus == hypervisor::DiskBus::sata ? 's' : 'v', 'd', static_cast<char>('a' + index)};
}

std::optional<hypervisor::UefiSpec> uefi_spec(const images::Instance& instance,
                                              const InstanceFiles& files) {
    if (!boots_uefi(instance)) return std::nullopt;
    const hypervisor::UefiFirmware firmware = uefi_firmware(instance);
    return hypervisor::UefiSpec{.code = firmware.code,
                                .variables = files.uefi_variables(instance.id),
                                .protects_variables = firmware.protects_variables};
}

}  // namespace

std::vector<const images::Volume*> volumes_in_guest_order(const InstanceWithVolumes& instance) {
    std::vector<const images::Volume*> ordered;
    ordered.reserve(instance.volumes.size());
    for (const images::Volume& volume : instance.volumes)
        ordered.push_back(&volume);
    std::ranges::stable_sort(ordered, {}, [&](const images::Volume* volume) {
        const std::string& device = volume->attachment->device_name;
        return std::pair(device != instance.instance.root_device_name, device);
    });
    return ordered;
}

std::string serial_of(const VolumeId& id) {
    std::string serial = id.str();
    std::erase(serial, '-');
    return serial;
}

bool guest_has(hypervisor::Hypervisor& hypervisor, const images::Volume& volume) {
    return volume.attachment &&
           hypervisor.active_file(volume.attachment->instance.str(), serial_of(volume.id));
}

hypervisor::DiskSpec DomainPlanner::disk(const images::Volume& volume) const {
    const Region& region = regions.get(volume.region);
    hypervisor::DiskSpec disk{.serial = serial_of(volume.id),
                              .format = hypervisor::DiskFormat::qcow2,
                              .cache = region.cache};
    const auto chain = database.read([&](Session& session) {
        return images::layer_chain(session, volume.region, volume.layer.value());
    });
    disk.chain.reserve(chain.size());
    for (const images::Layer& layer : chain)
        disk.chain.push_back(
            {.path = region.pool.path_of(layer.id), .key_id = layer.key_id.value_or("")});
    return disk;
}

std::optional<hypervisor::InterfaceSpec> DomainPlanner::bridged_card(
    const images::Instance& instance) const {
    const Region& region = regions.get(instance.region);
    if (networks.obstacle(region)) return std::nullopt;
    const auto interface = database.read(
        [&](Session& session) { return images::interface_of_instance(session, instance.id); });
    if (!interface) return std::nullopt;
    return plan_card(networks.vpc_of(region), *interface);
}

hypervisor::DomainSpec DomainPlanner::plan(const InstanceWithVolumes& described) const {
    const images::Instance& instance = described.instance;
    const InstanceType& type = types.get(instance.instance_type);
    const auto card = bridged_card(instance);
    const auto architecture = guest_architecture(instance.architecture);
    const OsProfile profile = profiles.of(kind_of(instance));
    hypervisor::DomainSpec spec{.name = instance.id.str(),
                                .uuid = instance.domain_uuid,
                                .title = fmt::format("kiln {}", instance.instance_type),
                                .catalog_id = catalog_id,
                                .architecture = architecture,
                                .accelerator = accelerators.of(architecture),
                                .vcpus = type.vcpus,
                                .memory = type.memory,
                                .cpu_weight = processor_weight(type),
                                .uefi = uefi_spec(instance, files),
                                .has_tpm = !instance.tpm_support.empty(),
                                .profile = profile.machine,
                                .interfaces = {card.value_or(hypervisor::InterfaceSpec{
                                    .mac_address = instance.mac_address})},
                                .spare_disk_slots = spare_disk_slots,
                                .user = users.user_of(regions.get(instance.region), instance.owner),
                                .console_log = files.console_log(instance.id)};
    if (instance.architecture == images::Architecture::x86_64_mac) {
        spec.disks.push_back(macos_boot_disk(settings));
    }
    std::size_t index = 0;
    for (const images::Volume* volume : volumes_in_guest_order(described)) {
        spec.disks.push_back(disk(*volume));
        spec.disks.back().bus = profile.disk_bus;
        spec.disks.back().target = disk_target(profile.disk_bus, index++);
    }
    for (hypervisor::InterfaceSpec& interface : spec.interfaces)
        interface.model = profile.card;
    if (card) return spec;  // it asks for its metadata
    const bool is_virtio = profile.disk_bus == hypervisor::DiskBus::virtio;
    spec.disks.push_back(
        {.target = is_virtio ? virtio_seed_target : disk_target(profile.disk_bus, index),
         .serial = seed_serial,
         .chain = {{.path = files.seed(instance.id)}},
         .format = hypervisor::DiskFormat::raw,
         .cache = hypervisor::DiskCache::writeback,
         .read_only = is_virtio,  // no SATA disk is
         .bus = profile.disk_bus});
    return spec;
}

}  // namespace kiln::launcher
