#include "builder/inspection/appliance_check.hpp"

#include <fmt/format.h>
#include <guestfs.h>

#include <chrono>
#include <memory>

#include "builder/inspection/guestfs_appliance.hpp"

namespace kiln::builder {

namespace {

constexpr std::chrono::minutes time_limit{3};

std::string version_of(guestfs_h* handle) {
    const std::unique_ptr<struct guestfs_version, decltype(&guestfs_free_version)> version(
        guestfs_version(handle), &guestfs_free_version);
    if (!version) return "";
    return fmt::format(" {}.{}.{}", version->major, version->minor, version->release);
}

}  // namespace

std::string check_appliance(bool use_kvm) {
    const auto begin = std::chrono::steady_clock::now();
    GuestfsAppliance appliance(use_kvm, time_limit);
    appliance.add_scratch_disk(1 << 20);
    appliance.launch();
    if (guestfs_shutdown(appliance.handle()) == -1)
        throw appliance.failure("libguestfs cannot end its appliance");
    const auto seconds =
        std::chrono::round<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
    return fmt::format("libguestfs{}, appliance started in {} s", version_of(appliance.handle()),
                       seconds.count());
}

}  // namespace kiln::builder
