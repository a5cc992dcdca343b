#include "hypervisor/domain/architecture.hpp"

#include <sys/utsname.h>

#include <cstdlib>

namespace kiln::hypervisor {

std::optional<GuestArchitecture> architecture_of(std::string_view machine) {
    if (machine == "x86_64") return GuestArchitecture::x86_64;
    if (machine == "aarch64") return GuestArchitecture::aarch64;
    if (machine.size() == 4 && machine.ends_with("86")) return GuestArchitecture::i386;
    return std::nullopt;
}

std::optional<GuestArchitecture> host_architecture() {
    utsname names{};
    if (::uname(&names) != 0) return std::nullopt;
    return architecture_of(static_cast<const char*>(names.machine));
}

bool runs_natively(GuestArchitecture architecture, std::optional<GuestArchitecture> host) {
    return architecture == host ||
           (architecture == GuestArchitecture::i386 && host == GuestArchitecture::x86_64);
}

bool is_x86(GuestArchitecture architecture) {
    return architecture != GuestArchitecture::aarch64;
}

const char* ec2_name(GuestArchitecture architecture) {
    switch (architecture) {
        case GuestArchitecture::i386:
            return "i386";
        case GuestArchitecture::x86_64:
            return "x86_64";
        case GuestArchitecture::aarch64:
            return "arm64";
    }
    std::abort();
}

const char* libvirt_name(GuestArchitecture architecture) {
    switch (architecture) {
        case GuestArchitecture::i386:
            return "i686";
        case GuestArchitecture::x86_64:
            return "x86_64";
        case GuestArchitecture::aarch64:
            return "aarch64";
    }
    std::abort();
}

const char* qemu_program(GuestArchitecture architecture) {
    switch (architecture) {
        case GuestArchitecture::i386:
            return "qemu-system-i386";
        case GuestArchitecture::x86_64:
            return "qemu-system-x86_64";
        case GuestArchitecture::aarch64:
            return "qemu-system-aarch64";
    }
    std::abort();
}

const char* qemu_package(GuestArchitecture architecture) {
    return is_x86(architecture) ? "qemu-system-x86" : "qemu-system-arm";
}

}  // namespace kiln::hypervisor
