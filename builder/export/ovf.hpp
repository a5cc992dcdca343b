#pragma once

#include <string>

#include "base/units.hpp"
#include "images/catalog/image.hpp"

namespace kiln::builder {

/// A machine with one disk, as an OVA describes it.
struct OvfMachine {
    std::string name;  // of the image
    images::Architecture architecture = images::Architecture::x86_64;
    images::BootMode boot_mode = images::BootMode::legacy_bios;
    std::string os_id;  // as images::Image::os_id
    bool is_windows = false;
    std::string disk_file;  // its name in the archive
    Bytes disk_file_size;
    Bytes disk_capacity;
};
OvfMachine ovf_machine_of(const images::Image& image);

/// The descriptor of an OVA: OVF 1.1 (DMTF DSP0243) with the hardware that VirtualBox and VMware
/// both have: two processors, 2 GiB, the disk on a SATA controller (which needs no driver of
/// theirs), a network card e1000, and, where the image boots through UEFI alone, VMware's word for
/// that firmware.
std::string ovf_descriptor(const OvfMachine& machine);

}  // namespace kiln::builder
