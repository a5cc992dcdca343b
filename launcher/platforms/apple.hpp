#pragma once

#include "base/settings.hpp"
#include "launcher/platforms/os_profile.hpp"

namespace kiln::launcher {

/// What macOS guests need besides Apple's hardware, which kiln cannot bring along: a boot disk
/// (OpenCore) and the key that the AppleSMC device answers with, both of the configuration. Throws
/// Error{Unsupported} that names the keys which are missing.
void check_macos_settings(const Settings& settings);

/// The devices that macOS has drivers for, with the AppleSMC device.
OsProfile macos_profile(const Settings& settings);
/// The boot disk, which only boots; it comes before the guest's own.
hypervisor::DiskSpec macos_boot_disk(const Settings& settings);

}  // namespace kiln::launcher
