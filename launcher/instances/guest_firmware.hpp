#pragma once

#include <string>

#include "hypervisor/firmware/firmware.hpp"
#include "images/catalog/image.hpp"
#include "images/catalog/instance.hpp"

namespace kiln::launcher {

class InstanceFiles;

/// Whether the instance boots through UEFI: when its image says uefi, or prefers it and the host
/// has it.
bool boots_uefi(const images::Instance& instance);

/// Throws Error{UnsupportedOperation} that names the package when the image's guests need firmware
/// that the host lacks.
void check_has_firmware(const images::Image& image);

/// The firmware of an instance that boots through UEFI. Throws Error{UnsupportedOperation} that
/// names the package when the host has none such.
hypervisor::UefiFirmware uefi_firmware(const images::Instance& instance);

/// Gives an instance that boots through UEFI its variables unless it has some: those of
/// `uefi_data` (the text of an images::UefiData), or the firmware's own when that is empty.
void make_uefi_variables(const images::Instance& instance, const InstanceFiles& files,
                         const std::string& uefi_data);

/// The instance's variables as they are now, for an image; empty when it has none.
std::string read_uefi_data(const images::Instance& instance, const InstanceFiles& files);
/// The same for an image that is worth having without them: what fails is in the log alone.
std::string read_uefi_data_or_nothing(const images::Instance& instance, const InstanceFiles& files);

}  // namespace kiln::launcher
