#pragma once

#include <string>

#include "images/catalog/image.hpp"
#include "images/catalog/instance.hpp"
#include "launcher/platforms/os_profile.hpp"

namespace kiln {
struct Settings;
}

namespace kiln::launcher {

/// What an image asks of the machines that its guests run on.
struct GuestKind {
    images::Architecture architecture;
    images::VirtualizationType virtualization_type;
    std::string platform;
    GuestSystem system;
};
GuestKind kind_of(const images::Image& image);
GuestKind kind_of(const images::Instance& instance);

/// The profiles of a service's guests. Any thread.
class GuestProfiles {
  public:
    explicit GuestProfiles(const Settings& settings) : settings_(settings) {}

    /// A paravirtual guest has Xen's devices whatever its system is, and macOS those of a Mac. As
    /// OsProfiles::of for others; not within a transaction.
    OsProfile of(const GuestKind& guest) const;

  private:
    const Settings& settings_;
    OsProfiles systems_;
};

}  // namespace kiln::launcher
