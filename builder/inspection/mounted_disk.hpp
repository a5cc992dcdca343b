#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "builder/inspection/disk_content.hpp"
#include "builder/inspection/guestfs_appliance.hpp"

namespace kiln::builder {

/// A larger file is not read to learn whether its content is another: its times say so.
inline constexpr std::uint64_t largest_read_file = std::uint64_t{1} << 30U;

/// Where on a disk of an appliance its system is.
struct SystemPlace {
    std::string disk;    // "/dev/sdb"
    std::string device;  // of the root: "/dev/sdb1"
    bool is_inspected = false;
    std::vector<std::pair<std::string, std::string>> mounts;  // mount point, device; the root first
};

/// Finds the systems of the disks, in their order. On a disk where libguestfs knows no operating
/// system it is the only file system, or the largest. Throws Error{InspectionFailed} for a disk
/// with more than one operating system, and for one without a file system.
std::vector<SystemPlace> find_systems(GuestfsAppliance& appliance,
                                      const std::vector<std::string>& disks);

/// A system of an appliance, whose file systems are mounted, to be read alone, as long as this
/// lives. What it returns is as hostile as the disk. Everything throws Error{InspectionFailed}.
class MountedDisk {
  public:
    MountedDisk(GuestfsAppliance& appliance, const SystemPlace& place, const FileLimits& limits);
    ~MountedDisk();
    MountedDisk(const MountedDisk&) = delete;
    MountedDisk& operator=(const MountedDisk&) = delete;

    std::string file_system_id();
    /// nullopt where there is no operating system that libguestfs knows.
    std::optional<std::vector<Package>> packages();
    /// What lies at the path and below it, sorted by path; empty: everything.
    std::vector<FileEntry> files(const std::string& below);
    /// A digest of the content of a file that is so long.
    std::string content(const std::string& path, std::uint64_t size);

  private:
    std::vector<std::string> paths(const std::string& below);
    void read_entries(const std::vector<std::string>& paths, std::vector<FileEntry>& entries);
    void read_targets(std::vector<FileEntry>& entries);

    GuestfsAppliance& appliance_;
    const SystemPlace& place_;
    FileLimits limits_;
};

}  // namespace kiln::builder
