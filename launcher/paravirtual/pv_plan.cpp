#include "launcher/paravirtual/pv_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "launcher/instances/domain_plan.hpp"
#include "launcher/instances/launch_plan.hpp"

namespace kiln::launcher {

namespace {

/// Of Xen and of the Linux in the appliance.
constexpr Bytes appliance_memory = Bytes::mebibytes(352);
/// Xen's tables of pages take a hundredth of all memory.
constexpr std::uint64_t table_divisor = 64;
/// Everything that the guest has is plugged in after the appliance was restored: disks, their seed
/// and the card.
constexpr std::uint32_t pluggable_devices = max_disks + 2;
constexpr const char* root_name = "xvda";
constexpr const char* seed_name = "xvdz";

std::string kernel_file(const images::Instance& instance) {
    const images::PvKernel* kernel = images::find_pv_kernel(instance.kernel_id);
    if (kernel == nullptr) {
        throw Error(error_code::unsupported_operation, instance.kernel_id,
                    fmt::format("the kernel '{}' of '{}' is none of kiln's", instance.kernel_id,
                                instance.id.str()));
    }
    return fmt::format("pv-grub-{}-{}", kernel->disk, to_text(kernel->architecture));
}

Bytes own_memory_of_appliance(const InstanceType& type) {
    return appliance_memory + Bytes::mebibytes(type.memory.in_mebibytes() / table_divisor);
}

/// "xvdf" for /dev/sdf; empty for names with more than a letter: a partition of another disk could
/// have them.
std::string name_as_mapped(const std::string& device) {
    const std::string kind_and_letter = device.substr(device.rfind('/') + 1);
    const std::string rest = kind_and_letter.substr(kind_and_letter.find('d') + 1);
    return rest.size() == 1 ? "xvd" + rest : "";
}

std::string first_free_name(const std::set<std::string>& taken) {
    for (char letter = 'b'; letter <= 'z'; ++letter) {
        std::string name = std::string("xvd") + letter;
        if (!taken.contains(name)) return name;
    }
    throw Error("AttachmentLimitExceeded", "", "a paravirtual instance has no more names of disks");
}

}  // namespace

bool is_paravirtual(const images::Instance& instance) {
    return instance.virtualization_type == images::VirtualizationType::paravirtual;
}

Bytes memory_of_machine(const InstanceType& type, images::VirtualizationType virtualization_type) {
    if (virtualization_type == images::VirtualizationType::hvm) return type.memory;
    return type.memory + own_memory_of_appliance(type);
}

hypervisor::DomainSpec appliance_machine(const InstanceType& type,
                                         hypervisor::Accelerator accelerator) {
    return {.accelerator = accelerator,
            .vcpus = type.vcpus + 1,
            .memory = memory_of_machine(type, images::VirtualizationType::paravirtual),
            .cpu_weight = processor_weight(type),
            // A paravirtual kernel runs in user mode and would die of both.
            .processor_without = {"smap", "smep"},
            .spare_disk_slots = pluggable_devices};
}

std::vector<PvDisk> pv_disks(const InstanceWithVolumes& instance) {
    std::vector<PvDisk> disks;
    std::set<std::string> taken{root_name, seed_name};
    for (const images::Volume* volume : volumes_in_guest_order(instance)) {
        std::string name =
            disks.empty() ? root_name : name_as_mapped(volume->attachment->device_name);
        if (!disks.empty() && !name.empty() && !taken.insert(name).second) name.clear();
        disks.push_back({.serial = serial_of(volume->id), .name = std::move(name)});
    }
    for (PvDisk& disk : disks) {
        if (disk.name.empty()) disk.name = *taken.insert(first_free_name(taken)).first;
    }
    return disks;
}

PvDisk pv_seed(const std::string& serial) {
    return {.serial = serial, .name = seed_name, .read_only = true};
}

std::string describe(const PvGuest& guest) {
    std::string text =
        fmt::format("kernel={}\nmemory={}\nvcpus={}\nuuid={}\nmac={}\ntime={}\n",
                    kernel_file(guest.instance), guest.type.memory.in_mebibytes(), guest.type.vcpus,
                    guest.instance.domain_uuid, guest.mac_address,
                    std::chrono::floor<std::chrono::seconds>(guest.now).time_since_epoch().count());
    for (const PvDisk& disk : guest.disks)
        text += fmt::format("disk={},{},{}\n", disk.serial, disk.name, disk.read_only ? "r" : "w");
    return text;
}

}  // namespace kiln::launcher
