#include "builder/steps/disk_layout.hpp"

#include <fmt/format.h>

#include "base/random.hpp"

namespace kiln::builder {

namespace {

constexpr Bytes alignment = Bytes::mebibytes(1);
constexpr Bytes bios_boot_size = Bytes::mebibytes(1);
constexpr Bytes efi_size = Bytes::mebibytes(32);

// Partition types: UEFI specification, and the BIOS boot partition of GRUB's manual.
constexpr const char* bios_boot_type = "21686148-6449-6E6F-744E-656564454649";
constexpr const char* efi_type = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";

std::string script_line(const Partition& partition, const std::string& type, const char* name) {
    return fmt::format("start={}, size={}, type={}, uuid={}, name=\"{}\"\n",
                       partition.first_sector(), partition.sectors(), type, partition.uuid, name);
}

}  // namespace

DiskLayout plan_disk(Bytes size, const char* root_type) {
    DiskLayout layout{.size = size,
                      .uuid = random_uuid(),
                      .root_file_system_uuid = random_uuid(),
                      .root_type = root_type};
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

DiskLayout plan_plain_disk(Bytes size, PartitionTable table) {
    const Bytes offset = table == PartitionTable::none ? Bytes{0} : alignment;
    return {.table = table,
            .size = size,
            .root = {.offset = offset, .size = {size.value - offset.value}},
            .root_file_system_uuid = random_uuid()};
}

std::string sfdisk_script(const DiskLayout& layout) {
    if (layout.table == PartitionTable::dos) {
        return fmt::format("label: dos\nstart={}, size={}, type=83, bootable\n",
                           layout.root.first_sector(), layout.root.sectors());
    }
    return fmt::format("label: gpt\nlabel-id: {}\n", layout.uuid) +
           script_line(layout.bios_boot, bios_boot_type, "bios-boot") +
           script_line(layout.efi, efi_type, "efi") +
           script_line(layout.root, layout.root_type, "root");
}

}  // namespace kiln::builder
