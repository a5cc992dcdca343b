#include "launcher/instances/guest_firmware.hpp"

#include <fmt/format.h>

#include <mutex>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "images/firmware/uefi_data.hpp"
#include "launcher/instances/instance_files.hpp"
#include "launcher/types/guest_architecture.hpp"

namespace kiln::launcher {

namespace {

constexpr Bytes largest_store{images::max_uefi_variables};

/// Arm's stores have 64 MiB: one is held in memory at a time.
std::mutex& turn() {
    static std::mutex mutex;
    return mutex;
}

std::optional<hypervisor::UefiFirmware> find_firmware(const images::Instance& instance) {
    return hypervisor::find_uefi_firmware(guest_architecture(instance.architecture),
                                          instance.secure_boot);
}

Error no_firmware(const std::string& resource, images::Architecture architecture,
                  bool secure_boot) {
    return {error_code::unsupported_operation, resource,
            fmt::format("this host has no UEFI firmware for {}{}: install the package {}",
                        images::to_text(architecture), secure_boot ? " with Secure Boot" : "",
                        hypervisor::firmware_package(guest_architecture(architecture)))};
}

/// QEMU takes a store of the size alone that the firmware was built for.
void check_size(const images::Instance& instance, const std::string& variables,
                std::size_t expected) {
    if (variables.size() == expected) return;
    throw Error(error_code::unsupported_operation, instance.id.str(),
                fmt::format("the UefiData of '{}' holds {} bytes of variables, and this host's "
                            "firmware has {}: register the image without UefiData, or launch it "
                            "where the data comes from",
                            instance.image.str(), variables.size(), expected));
}

}  // namespace

bool boots_uefi(const images::Instance& instance) {
    switch (instance.boot_mode) {
        case images::BootMode::legacy_bios:
            return false;
        case images::BootMode::uefi:
            return true;
        case images::BootMode::uefi_preferred:
            return find_firmware(instance).has_value();
    }
    return false;
}

void check_has_firmware(const images::Image& image) {
    const auto architecture = guest_architecture(image.architecture);
    if (image.boot_mode != images::BootMode::uefi ||
        hypervisor::find_uefi_firmware(architecture, image.secure_boot)) {
        return;
    }
    throw no_firmware(image.id.str(), image.architecture, image.secure_boot);
}

hypervisor::UefiFirmware uefi_firmware(const images::Instance& instance) {
    if (auto firmware = find_firmware(instance)) return *std::move(firmware);
    throw no_firmware(instance.id.str(), instance.architecture, instance.secure_boot);
}

void make_uefi_variables(const images::Instance& instance, const InstanceFiles& files,
                         const std::string& uefi_data) {
    if (!boots_uefi(instance) || std::filesystem::exists(files.uefi_variables(instance.id))) return;
    const std::lock_guard lock(turn());
    std::string variables = read_file(uefi_firmware(instance).variables_template, largest_store);
    if (!uefi_data.empty()) {
        std::string wanted = images::unpack_uefi_data(uefi_data).variables;
        check_size(instance, wanted, variables.size());
        variables = std::move(wanted);
    }
    files.write_uefi_variables(instance.id, variables);
}

std::string read_uefi_data(const images::Instance& instance, const InstanceFiles& files) {
    const std::filesystem::path file = files.uefi_variables(instance.id);
    if (!boots_uefi(instance) || !std::filesystem::exists(file)) return "";
    const std::lock_guard lock(turn());
    return images::pack_uefi_data({.architecture = instance.architecture,
                                   .secure_boot = instance.secure_boot,
                                   .variables = read_file(file, largest_store)});
}

std::string read_uefi_data_or_nothing(const images::Instance& instance,
                                      const InstanceFiles& files) {
    try {
        return read_uefi_data(instance, files);
    } catch (const Error& error) {
        log::warn("an image is without the UEFI variables of {}: {}", instance.id.str(),
                  error.message());
        return "";
    }
}

}  // namespace kiln::launcher
