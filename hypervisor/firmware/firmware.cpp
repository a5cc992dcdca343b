#include "hypervisor/firmware/firmware.hpp"

#include <vector>

namespace kiln::hypervisor {

std::optional<UefiFirmware> find_uefi_firmware() {
    static const std::vector<UefiFirmware> known{
        {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
        {"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
    };
    for (const UefiFirmware& firmware : known) {
        if (std::filesystem::exists(firmware.code) &&
            std::filesystem::exists(firmware.variables_template)) {
            return firmware;
        }
    }
    return std::nullopt;
}

}  // namespace kiln::hypervisor
