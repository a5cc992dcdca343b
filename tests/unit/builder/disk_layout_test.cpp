#include "builder/steps/disk_layout.hpp"

#include <gtest/gtest.h>

#include <set>

namespace kiln::builder {

namespace {

constexpr const char* root_type = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";

std::uint64_t end_of(const Partition& partition) {
    return partition.offset.value + partition.size.value;
}

TEST(disk_layout, partitions_follow_each_other_and_the_root_fills_the_rest) {
    const Bytes size = Bytes::gibibytes(8);

    const DiskLayout layout = plan_disk(size, root_type);

    EXPECT_EQ(layout.bios_boot.offset, Bytes::mebibytes(1));
    EXPECT_EQ(layout.efi.offset.value, end_of(layout.bios_boot));
    EXPECT_EQ(layout.root.offset.value, end_of(layout.efi));
    EXPECT_EQ(end_of(layout.root) + Bytes::mebibytes(1).value, size.value);
}

TEST(disk_layout, every_uuid_is_new) {
    std::set<std::string> uuids;
    for (const DiskLayout& layout : {plan_disk(Bytes::mebibytes(256), root_type),
                                     plan_disk(Bytes::mebibytes(256), root_type)}) {
        uuids.insert({layout.uuid, layout.bios_boot.uuid, layout.efi.uuid, layout.root.uuid,
                      layout.root_file_system_uuid});
    }

    EXPECT_EQ(uuids.size(), 10);
}

TEST(disk_layout, is_written_as_sfdisk_reads_it) {
    DiskLayout layout = plan_disk(Bytes::mebibytes(256), root_type);
    layout.uuid = "disk";
    layout.bios_boot.uuid = "first";
    layout.efi.uuid = "second";
    layout.root.uuid = "third";

    EXPECT_EQ(sfdisk_script(layout),
              "label: gpt\n"
              "label-id: disk\n"
              "start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, uuid=first, "
              "name=\"bios-boot\"\n"
              "start=4096, size=65536, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=second, "
              "name=\"efi\"\n"
              "start=69632, size=452608, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=third, "
              "name=\"root\"\n");
}

TEST(disk_layout, of_a_root_alone_has_it_from_the_beginning_or_after_a_table) {
    const Bytes size = Bytes::mebibytes(256);

    const DiskLayout bare = plan_plain_disk(size, PartitionTable::none);
    const DiskLayout partitioned = plan_plain_disk(size, PartitionTable::dos);

    EXPECT_EQ(bare.root.offset, Bytes{0});
    EXPECT_EQ(bare.root.size, size);
    EXPECT_EQ(end_of(partitioned.root), size.value);
    EXPECT_EQ(sfdisk_script(partitioned),
              "label: dos\nstart=2048, size=522240, type=83, bootable\n");
}

}  // namespace

}  // namespace kiln::builder
