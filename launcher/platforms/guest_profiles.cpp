#include "launcher/platforms/guest_profiles.hpp"

#include "launcher/platforms/apple.hpp"

namespace kiln::launcher {

namespace {

std::string libosinfo_name(images::Architecture architecture) {
    switch (architecture) {
        case images::Architecture::i386:
            return "i686";
        case images::Architecture::arm64:
            return "aarch64";
        case images::Architecture::x86_64:
        case images::Architecture::x86_64_mac:
            return "x86_64";
    }
    return "";
}

}  // namespace

GuestKind kind_of(const images::Image& image) {
    return {.architecture = image.architecture,
            .virtualization_type = image.virtualization_type,
            .platform = image.platform,
            .system = {.os_id = image.os_id,
                       .drivers = image.drivers,
                       .architecture = libosinfo_name(image.architecture)}};
}

GuestKind kind_of(const images::Instance& instance) {
    return {.architecture = instance.architecture,
            .virtualization_type = instance.virtualization_type,
            .platform = instance.platform,
            .system = {.os_id = instance.os_id,
                       .drivers = instance.drivers,
                       .architecture = libosinfo_name(instance.architecture)}};
}

OsProfile GuestProfiles::of(const GuestKind& guest) const {
    if (guest.virtualization_type == images::VirtualizationType::paravirtual) return {};
    if (guest.architecture == images::Architecture::x86_64_mac) return macos_profile(settings_);
    return systems_.of(guest.system);
}

}  // namespace kiln::launcher
