#include "hypervisor/firmware/firmware.hpp"

#include <cstdlib>
#include <vector>

namespace kiln::hypervisor {

namespace {

/// Where Debian puts it, the better first.
std::vector<UefiFirmware> known_firmware(GuestArchitecture architecture, bool secure_boot) {
    switch (architecture) {
        case GuestArchitecture::x86_64:
            if (secure_boot) {
                return {{"/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
                         "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", true}};
            }
            return {{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
                    {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"}};
        case GuestArchitecture::aarch64:
            if (secure_boot) {
                return {{"/usr/share/AAVMF/AAVMF_CODE.ms.fd", "/usr/share/AAVMF/AAVMF_VARS.ms.fd"}};
            }
            return {{"/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"}};
        case GuestArchitecture::i386:
            return {};
    }
    std::abort();
}

}  // namespace

std::optional<UefiFirmware> find_uefi_firmware(GuestArchitecture architecture, bool secure_boot) {
    for (const UefiFirmware& firmware : known_firmware(architecture, secure_boot)) {
        if (std::filesystem::exists(firmware.code) &&
            std::filesystem::exists(firmware.variables_template)) {
            return firmware;
        }
    }
    return std::nullopt;
}

const char* firmware_package(GuestArchitecture architecture) {
    return architecture == GuestArchitecture::aarch64 ? "qemu-efi-aarch64" : "ovmf";
}

}  // namespace kiln::hypervisor
