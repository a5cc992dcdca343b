#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "images/catalog/attributes.hpp"

namespace kiln::builder {

/// Inspection::type of Windows.
inline constexpr const char* windows_system = "windows";

/// What was found on a disk. Texts are empty where nothing was.
struct Inspection {
    std::string type;              // libguestfs's word: "linux", windows_system
    std::string distribution;      // "debian", "windows"
    std::string product;           // "Debian GNU/Linux 12 (bookworm)"
    std::string os_id;             // libosinfo's short id: "debian12", "win11"
    std::string architecture;      // "x86_64", "i386", "aarch64"
    std::string drivers;           // as images::Image::drivers
    bool has_bios_loader = false;  // code in the boot sector
    bool has_efi_partition = false;
};

struct DiskToInspect {
    std::filesystem::path file;  // qcow2, with what backs it
    bool use_kvm = false;
    std::chrono::milliseconds time_limit = std::chrono::minutes{3};
    std::function<void()> on_open = [] {};  // called when the files are open
};
/// Looks into a disk with libguestfs, which only reads. Takes some ten seconds. Throws
/// Error{InspectionFailed} when there is no operating system on it, or more than one, or when it
/// takes longer than it may, and Error{Unavailable} when libguestfs does not work here. Any thread.
Inspection inspect_disk(const DiskToInspect& disk);

}  // namespace kiln::builder
