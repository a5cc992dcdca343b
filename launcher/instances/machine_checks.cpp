#include "launcher/instances/machine_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "launcher/platforms/apple.hpp"
#include "launcher/types/guest_architecture.hpp"
#include "launcher/types/obstacle.hpp"

namespace kiln::launcher {

namespace {

using images::Architecture;
using images::VirtualizationType;

std::string names_of(const std::vector<Architecture>& architectures) {
    std::vector<std::string_view> names;
    std::ranges::transform(architectures, std::back_inserter(names),
                           [](Architecture architecture) { return images::to_text(architecture); });
    return fmt::format("{}", fmt::join(names, ","));
}

/// Windows and macOS do not start, or not for long, with less than their makers say; Linux does.
bool needs_least_resources(const GuestKind& guest) {
    return guest.platform == images::windows_platform ||
           guest.architecture == Architecture::x86_64_mac;
}

std::string virtualization_mismatch(VirtualizationType wanted, const InstanceType& type) {
    const auto other = wanted == VirtualizationType::hvm ? VirtualizationType::paravirtual
                                                         : VirtualizationType::hvm;
    return fmt::format(
        "Virtualization type '{}' is required for instances of type '{}'. Ensure that you are "
        "using an AMI with virtualization type '{}': `kiln describe-instance-types --filters "
        "Name=supported-virtualization-type,Values={}` lists the types for this one.",
        images::to_text(other), type.name, images::to_text(other), images::to_text(wanted));
}

}  // namespace

std::string mismatch(const GuestKind& guest, const OsProfile& profile, const InstanceType& type) {
    if (std::ranges::find(type.architectures, guest.architecture) == type.architectures.end()) {
        return fmt::format(
            "The architecture '{}' of the specified instance type does not match the architecture "
            "'{}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again. You can use 'describe-instance-types' or "
            "'describe-images' to discover the architecture of the instance type or AMI.",
            names_of(type.architectures), images::to_text(guest.architecture));
    }
    if (std::ranges::find(type.virtualization_types, guest.virtualization_type) ==
        type.virtualization_types.end()) {
        return virtualization_mismatch(guest.virtualization_type, type);
    }
    const bool is_large_enough =
        type.memory >= profile.least_memory && type.vcpus >= profile.least_vcpus;
    if (!needs_least_resources(guest) || is_large_enough) return "";
    return fmt::format(
        "{} needs at least {} MiB of memory and {} vCPUs, and {} has {} MiB and {}. Choose a "
        "larger type.",
        profile.name, profile.least_memory.in_mebibytes(), profile.least_vcpus, type.name,
        type.memory.in_mebibytes(), type.vcpus);
}

void check_host_runs(Architecture architecture, const InstanceType& type,
                     const hypervisor::Accelerators& accelerators, const Settings& settings) {
    if (const std::string obstacle = obstacle_to(type, accelerators); !obstacle.empty())
        throw unsupported_type(type, obstacle);
    accelerators.of(guest_architecture(architecture));
    if (architecture == Architecture::x86_64_mac) check_macos_settings(settings);
}

}  // namespace kiln::launcher
