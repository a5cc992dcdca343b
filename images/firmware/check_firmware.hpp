#pragma once

#include <optional>
#include <string>

#include "images/catalog/image.hpp"

namespace kiln::images {

/// Checks that the image's boot mode, TPM, Secure Boot and `uefi_data` (the text of a UefiData, or
/// empty) can be had with its architecture and virtualization type. Throws
/// Error{InvalidParameterCombination} that says what would fit, and what unpack_uefi_data() throws.
void check_firmware(const Image& image, const std::string& uefi_data);

/// Whether an image has Secure Boot: as was said, or else as the guest had it that `uefi_data` (the
/// text of a UefiData, or empty) is of. Throws what unpack_uefi_data() throws.
bool secure_boot_of(const std::optional<bool>& said, const std::string& uefi_data);

/// How images of the architecture boot unless something else is said: Arm and Macs have UEFI
/// alone.
BootMode default_boot_mode(Architecture architecture);

}  // namespace kiln::images
