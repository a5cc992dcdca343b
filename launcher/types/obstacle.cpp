#include "launcher/types/obstacle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hypervisor/domain/architecture.hpp"
#include "launcher/types/guest_architecture.hpp"

namespace kiln::launcher {

namespace {

bool is_for_macs(const InstanceType& type) {
    return type.architectures.front() == images::Architecture::x86_64_mac;
}

}  // namespace

std::string obstacle_to(const InstanceType& type, const hypervisor::Accelerators& accelerators) {
    if (is_for_macs(type) && !accelerators.is_apple_hardware()) {
        return "macOS runs on Apple's hardware alone: its licence does not allow more, and this "
               "host is none";
    }
    const bool runs = std::ranges::any_of(type.architectures, [&](images::Architecture wanted) {
        return accelerators.can_run(guest_architecture(wanted));
    });
    if (runs) return "";
    const auto architecture = guest_architecture(type.architectures.front());
    return fmt::format("it cannot run guests of the architecture {}: install the package {}",
                       hypervisor::ec2_name(architecture), hypervisor::qemu_package(architecture));
}

Error unsupported_type(const InstanceType& type, const std::string& obstacle) {
    return {"Unsupported", type.name,
            fmt::format("This host does not run instances of type {}: {}.", type.name, obstacle)};
}

}  // namespace kiln::launcher
