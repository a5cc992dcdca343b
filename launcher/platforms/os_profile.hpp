#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "base/units.hpp"
#include "hypervisor/domain/domain_spec.hpp"

namespace kiln::launcher {

/// What was found in an image about the operating system of its guests.
struct GuestSystem {
    std::string os_id;         // libosinfo's short id: "debian12", "win11"; empty: not known
    std::string drivers;       // as Image::drivers
    std::string architecture;  // as libosinfo names it: "x86_64", "i686", "aarch64"
};

/// The devices that guests of an operating system are given.
struct OsProfile {
    std::string name;  // "Microsoft Windows 11"; empty: not known
    hypervisor::DiskBus disk_bus = hypervisor::DiskBus::virtio;
    hypervisor::CardModel card = hypervisor::CardModel::virtio;
    hypervisor::GuestProfile machine = {};
    /// What the system's maker asks for at least; 0: not known.
    Bytes least_memory;
    std::uint32_t least_vcpus = 0;
};

/// Profiles by libosinfo's database (the package osinfo-db) and the drivers that are there: Windows
/// gets what it has drivers for, other systems virtio unless the database says that they are older.
/// A system that is not known gets virtio. Any thread.
class OsProfiles {
  public:
    OsProfiles();
    ~OsProfiles();
    OsProfiles(const OsProfiles&) = delete;
    OsProfiles& operator=(const OsProfiles&) = delete;

    /// The first call for a system that is known reads the database: some hundred milliseconds.
    OsProfile of(const GuestSystem& system) const;

  private:
    class Database;
    mutable std::mutex mutex_;
    mutable std::unique_ptr<Database> database_;  // once it was asked for
};

}  // namespace kiln::launcher
