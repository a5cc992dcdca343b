#include "images/firmware/check_firmware.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/firmware/uefi_data.hpp"

namespace kiln::images {

namespace {

[[noreturn]] void refuse(const char* parameter, const std::string& why) {
    throw Error(error_code::invalid_parameter_combination, parameter, why);
}

void check_boot_mode(const Image& image) {
    const auto mode = to_text(image.boot_mode);
    if (image.virtualization_type == VirtualizationType::paravirtual &&
        (image.boot_mode != BootMode::legacy_bios || image.architecture == Architecture::arm64)) {
        refuse("VirtualizationType",
               "paravirtual guests are of the architecture i386 or x86_64 and have no firmware: "
               "leave BootMode out");
    }
    if (default_boot_mode(image.architecture) == BootMode::uefi &&
        image.boot_mode != BootMode::uefi) {
        refuse("BootMode", fmt::format("guests of the architecture {} boot through UEFI: the "
                                       "BootMode is uefi, not {}",
                                       to_text(image.architecture), mode));
    }
    if (image.architecture == Architecture::i386 && image.boot_mode != BootMode::legacy_bios) {
        refuse("BootMode", fmt::format("guests of the architecture i386 boot through BIOS: the "
                                       "BootMode is legacy-bios, not {}",
                                       mode));
    }
}

void require_uefi(const Image& image, const char* parameter) {
    if (image.boot_mode == BootMode::uefi) return;
    refuse(parameter, fmt::format("{} needs the BootMode uefi", parameter));
}

}  // namespace

void check_firmware(const Image& image, const std::string& uefi_data) {
    check_boot_mode(image);
    if (!image.tpm_support.empty()) require_uefi(image, "TpmSupport");
    if (!image.tpm_support.empty() && image.tpm_support != tpm_2_0)
        refuse("TpmSupport", fmt::format("'{}' is no support of a TPM", image.tpm_support));
    if (image.secure_boot) require_uefi(image, "SecureBoot");
    if (uefi_data.empty()) return;
    if (image.boot_mode == BootMode::legacy_bios)
        refuse("UefiData", "UefiData needs the BootMode uefi or uefi-preferred");
    const UefiData data = unpack_uefi_data(uefi_data);
    if (data.architecture != image.architecture) {
        refuse("UefiData", fmt::format("the UefiData is of the architecture {}, the image of {}",
                                       to_text(data.architecture), to_text(image.architecture)));
    }
    if (data.secure_boot != image.secure_boot) {
        refuse("SecureBoot", data.secure_boot
                                 ? "the UefiData is of a guest with Secure Boot: leave SecureBoot "
                                   "out, or let it be true"
                                 : "the UefiData is of a guest without Secure Boot, whose "
                                   "variables lack the keys: leave one of the two out");
    }
}

bool secure_boot_of(const std::optional<bool>& said, const std::string& uefi_data) {
    if (said || uefi_data.empty()) return said.value_or(false);
    return unpack_uefi_data(uefi_data).secure_boot;
}

BootMode default_boot_mode(Architecture architecture) {
    switch (architecture) {
        case Architecture::arm64:
        case Architecture::x86_64_mac:
            return BootMode::uefi;
        case Architecture::i386:
        case Architecture::x86_64:
            return BootMode::legacy_bios;
    }
    return BootMode::legacy_bios;
}

}  // namespace kiln::images
