#pragma once

#include <filesystem>
#include <optional>

#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::hypervisor {

/// UEFI firmware that the host has installed.
struct UefiFirmware {
    std::filesystem::path code;
    std::filesystem::path variables_template;  // a variable store for a new guest
    bool protects_variables = false;           // as UefiSpec's
};

/// For guests of an architecture. With `secure_boot` the template has the keys of Microsoft's
/// authorities, by which distributions' boot loaders are signed, and the firmware starts nothing
/// else. nullopt when the host has none such; firmware_package() has it.
std::optional<UefiFirmware> find_uefi_firmware(GuestArchitecture architecture,
                                               bool secure_boot = false);
/// "ovmf", "qemu-efi-aarch64"
const char* firmware_package(GuestArchitecture architecture);

}  // namespace kiln::hypervisor
