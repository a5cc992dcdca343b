#include "builder/steps/disk_layout.hpp"

#include <fmt/format.h>

#include "base/random.hpp"

namespace kiln::builder {

namespace {

constexpr Bytes alignment = Bytes::mebibytes(1);
constexpr Bytes bios_boot_size = Bytes::mebibytes(1);
constexpr Bytes efi_size = Bytes::mebibytes(32);

// Partition types: UEFI specification, the BIOS boot partition of GRUB's manual, and the
// Discoverable Partitions Specification's root for x86-64.
constexpr const char* bios_boot_type = "21686148-6449-6E6F-744E-656564454649";
constexpr const char* efi_type = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
constexpr const char* root_type = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";

std::string script_line(const Partition& partition, const char* type, const char* name) {
    return fmt::format("start={}, size={}, type={}, uuid={}, name=\"{}\"\n",
                       partition.first_sector(), partition.sectors(), type, partition.uuid, name);
}

}  // namespace

DiskLayout plan_disk(Bytes size) {
    DiskLayout layout{.size = size, .uuid = random_uuid(), .root_file_system_uuid = random_uuid()};
    layout.bios_boot = {.offset = alignment, .size = bios_boot_size, .uuid = random_uuid()};
    layout.efi = {.offset = layout.bios_boot.offset + layout.bios_boot.size,
                  .size = efi_size,
                  .uuid = random_uuid()};
    const Bytes root_offset = layout.efi.offset + layout.efi.size;
    // The last MiB holds the second copy of the partition table.
    layout.root = {.offset = root_offset,
                   .size = {size.value - root_offset.value - alignment.value},
                   .uuid = random_uuid()};
    return layout;
}

std::string sfdisk_script(const DiskLayout& layout) {
    return fmt::format("label: gpt\nlabel-id: {}\n", layout.uuid) +
           script_line(layout.bios_boot, bios_boot_type, "bios-boot") +
           script_line(layout.efi, efi_type, "efi") + script_line(layout.root, root_type, "root");
}

}  // namespace kiln::builder
