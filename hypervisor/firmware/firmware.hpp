#pragma once

#include <filesystem>
#include <optional>

namespace kiln::hypervisor {

/// The UEFI firmware for x86_64 guests that the host has installed.
struct UefiFirmware {
    std::filesystem::path code;
    std::filesystem::path variables_template;
};

/// nullopt when none is installed (Debian's package is ovmf).
std::optional<UefiFirmware> find_uefi_firmware();

}  // namespace kiln::hypervisor
