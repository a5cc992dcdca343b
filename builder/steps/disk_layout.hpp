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

enum class PartitionTable {
    gpt,  // boots both ways: GRUB's core for BIOS in a partition, an EFI system partition, the root
    dos,  // the root file system alone
    none,  // the root file system has the disk to itself
};

/// A disk on which the root file system comes last, so that it can grow with the volume.
struct DiskLayout {
    PartitionTable table = PartitionTable::gpt;
    Bytes size;
    std::string uuid;     // of a GPT
    Partition bios_boot;  // partition 1 of a GPT
    Partition efi;        // partition 2 of a GPT
    Partition root;       // partition 3 of a GPT, partition 1 of a DOS table
    std::string root_file_system_uuid;
    std::string root_type;  // of the partition of a GPT
};

inline constexpr int root_partition_number = 3;

/// Lays out a disk of `size` (whole MiB, at least 64 MiB) with new random UUIDs.
/// `root_type` is the type of the root partition (Target::root_type).
DiskLayout plan_disk(Bytes size, const char* root_type);
/// Likewise one with the root file system alone; `table` is not gpt.
DiskLayout plan_plain_disk(Bytes size, PartitionTable table);

/// The layout as sfdisk reads it; there is a table.
std::string sfdisk_script(const DiskLayout& layout);

}  // namespace kiln::builder
