#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "builder/inspection/disk_difference.hpp"

namespace kiln::builder {

struct DisksToCompare {
    std::filesystem::path before;  // qcow2, with what backs it
    std::filesystem::path after;
    std::string below = {};      // only what lies at this path and below it; empty: everything
    bool packages_only = false;  // then files are not looked at
    bool use_kvm = false;
    FileLimits limits = {};
    std::chrono::milliseconds time_limit = std::chrono::minutes{10};
    std::function<void()> on_open = [] {};  // called when the files are open
};

struct DiskTotals {
    std::size_t files = 0;  // and directories, links, …
    Bytes size = {};        // of the content of regular files
};

struct DiskDifference {
    std::optional<std::vector<PackageChange>> packages;  // nullopt: of one disk they are not known
    std::vector<FileChange> files;                       // by path
    DiskTotals before;
    DiskTotals after;
};

/// Compares the systems on two disks with libguestfs, which only reads, in one appliance. Takes
/// half a minute for a small system, where the appliance is emulated more. Throws
/// Error{InspectionFailed} when there is no system on a disk or more than one, when there are more
/// files than the limits allow, or when it takes longer than it may, and Error{Unavailable} when
/// libguestfs does not work here. Any thread.
DiskDifference compare_disks(const DisksToCompare& disks);

}  // namespace kiln::builder
