#pragma once

#include <string>

#include "base/units.hpp"

namespace kiln::builder {

inline constexpr std::uint64_t sector_size = 512;

struct Partition {
    Bytes offset;
    Bytes size;
    std::string uuid;

    std::uint64_t first_sector() const { return offset.value / sector_size; }
    std::uint64_t sectors() const { return size.value / sector_size; }
};

/// A GPT disk that boots both ways: GRUB's core for BIOS in a partition of its own, an EFI system
/// partition, and last the root file system, so that it can grow with the volume.
struct DiskLayout {
    Bytes size;
    std::string uuid;
    Partition bios_boot;  // partition 1
    Partition efi;        // partition 2
    Partition root;       // partition 3
    std::string root_file_system_uuid;
};

inline constexpr int root_partition_number = 3;

/// Lays out a disk of `size` (whole MiB, at least 64 MiB) with new random UUIDs.
DiskLayout plan_disk(Bytes size);

/// The layout as sfdisk reads it.
std::string sfdisk_script(const DiskLayout& layout);

}  // namespace kiln::builder
