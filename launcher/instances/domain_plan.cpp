#include "launcher/instances/domain_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "hypervisor/firmware/firmware.hpp"
#include "hypervisor/hypervisor.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/network_interface.hpp"
#include "launcher/instances/guest_users.hpp"
#include "launcher/instances/launch_plan.hpp"
#include "launcher/network/network_plan.hpp"
#include "launcher/network/networks.hpp"
#include "launcher/regions/regions.hpp"
#include "launcher/types/instance_type.hpp"

namespace kiln::launcher {

namespace {

/// Each costs the firmware and the guest some 30 ms of their boot under TCG.
constexpr std::uint32_t spare_disk_slots = 8;
constexpr const char* seed_target = "vdz";
constexpr const char* seed_serial = "kiln-seed";

hypervisor::GuestArchitecture guest_architecture(images::Architecture architecture) {
    switch (architecture) {
        case images::Architecture::i386:
            return hypervisor::GuestArchitecture::i386;
        case images::Architecture::x86_64:
            return hypervisor::GuestArchitecture::x86_64;
        case images::Architecture::arm64:
            return hypervisor::GuestArchitecture::aarch64;
    }
    throw Error(error_code::internal_error, "", "an architecture that is none");
}

/// "vda" for 0, "vdb" for 1, …
std::string disk_target(std::size_t index) {
    if (index >= max_disks) {
        throw Error("AttachmentLimitExceeded", "",
                    fmt::format("an instance has at most {} disks", max_disks));
    }
    return {'v', 'd', static_cast<char>('a' + index)};
}

std::optional<hypervisor::UefiSpec> uefi_spec(const images::Instance& instance,
                                              const InstanceFiles& files) {
    if (!boots_uefi(instance)) return std::nullopt;
    const auto firmware = hypervisor::find_uefi_firmware();
    if (!firmware) {
        throw Error(error_code::unsupported_operation, instance.id.str(),
                    "this host has no UEFI firmware: install the package ovmf");
    }
    return hypervisor::UefiSpec{.code = firmware->code,
                                .variables = files.uefi_variables(instance.id)};
}

}  // namespace

bool boots_uefi(const images::Instance& instance) {
    switch (instance.boot_mode) {
        case images::BootMode::legacy_bios:
            return false;
        case images::BootMode::uefi:
            return true;
        case images::BootMode::uefi_preferred:
            return hypervisor::find_uefi_firmware().has_value();
    }
    return false;
}

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
    const InstanceType& type = get_instance_type(instance.instance_type);
    const auto card = bridged_card(instance);
    hypervisor::DomainSpec spec{.name = instance.id.str(),
                                .uuid = instance.domain_uuid,
                                .title = fmt::format("kiln {}", instance.instance_type),
                                .catalog_id = catalog_id,
                                .architecture = guest_architecture(instance.architecture),
                                .accelerator = accelerator,
                                .vcpus = type.vcpus,
                                .memory = type.memory,
                                .uefi = uefi_spec(instance, files),
                                .interfaces = {card.value_or(hypervisor::InterfaceSpec{
                                    .mac_address = instance.mac_address})},
                                .spare_disk_slots = spare_disk_slots,
                                .user = users.user_of(regions.get(instance.region), instance.owner),
                                .console_log = files.console_log(instance.id)};
    for (const images::Volume* volume : volumes_in_guest_order(described)) {
        spec.disks.push_back(disk(*volume));
        spec.disks.back().target = disk_target(spec.disks.size() - 1);
    }
    if (card) return spec;  // it asks for its metadata
    spec.disks.push_back({.target = seed_target,
                          .serial = seed_serial,
                          .chain = {{.path = files.seed(instance.id)}},
                          .format = hypervisor::DiskFormat::raw,
                          .cache = hypervisor::DiskCache::writeback,
                          .read_only = true});
    return spec;
}

}  // namespace kiln::launcher
