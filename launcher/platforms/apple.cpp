#include "launcher/platforms/apple.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "base/error.hpp"

namespace kiln::launcher {

namespace {

namespace fs = std::filesystem;

bool is_readable_by_all(const fs::path& file) {
    return (fs::status(file).permissions() & fs::perms::others_read) != fs::perms::none;
}

}  // namespace

void check_macos_settings(const Settings& settings) {
    std::string missing;
    if (settings.macos_smc_key.empty()) missing = "macos_smc_key is not set";
    if (settings.macos_boot_disk.empty()) {
        missing = "macos_boot_disk is not set";
    } else if (!std::filesystem::exists(settings.macos_boot_disk)) {
        missing =
            fmt::format("macos_boot_disk, '{}', does not exist", settings.macos_boot_disk.string());
    }
    if (missing.empty() && !is_readable_by_all(settings.macos_boot_disk)) {
        missing = fmt::format(
            "macos_boot_disk, '{0}', must be readable by the users that guests run as (`chmod "
            "o+r '{0}'`)",
            settings.macos_boot_disk.string());
    }
    if (missing.empty()) return;
    throw Error("Unsupported", "x86_64_mac",
                fmt::format("macOS guests need a raw disk image of OpenCore, macos_boot_disk, and "
                            "the key of the host's own AppleSMC, macos_smc_key, in the "
                            "configuration: {}.",
                            missing));
}

OsProfile macos_profile(const Settings& settings) {
    return {.name = "macOS",
            .disk_bus = hypervisor::DiskBus::sata,
            .card = hypervisor::CardModel::vmxnet3,
            .machine = {.has_usb_input = true, .smc_key = settings.macos_smc_key},
            .least_memory = Bytes::gibibytes(4),
            .least_vcpus = 2};
}

hypervisor::DiskSpec macos_boot_disk(const Settings& settings) {
    // No SATA disk can be read-only; the firmware reads virtio ones, and macOS need not.
    return {.target = "vda",
            .serial = "kiln-opencore",
            .chain = {{.path = settings.macos_boot_disk}},
            .format = hypervisor::DiskFormat::raw,
            .cache = hypervisor::DiskCache::writeback,
            .read_only = true,
            .keeps_owner = true};
}

}  // namespace kiln::launcher
