#include "builder/import/gate/qcow2_directories.hpp"

#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint64_t snapshot_head = 40;
constexpr std::uint32_t most_extra = 1024;
constexpr std::uint64_t largest_l1_table = 32ULL << 20;

constexpr std::uint64_t bitmap_head = 24;
constexpr std::uint64_t largest_bitmap_table = 64ULL << 20;
constexpr std::uint64_t longest_bitmap_name = 1023;
constexpr std::uint8_t dirty_tracking = 1;

/// Claims the L1 table of the snapshot at `offset`; returns where the next one begins.
std::uint64_t claim_snapshot(const ByteSource& source, std::uint64_t offset,
                             ClusterClaims& claims) {
    const BigEndianRecord record(source, offset, snapshot_head);
    const std::uint32_t extra = record.u32(36);
    if (extra > most_extra) {
        refuse("qcow2", fmt::format("the snapshot at offset {} has {} bytes of extra data, more "
                                    "than {}; {}",
                                    offset, extra, most_extra, mend_qcow2));
    }
    const Range l1_table{record.u64(0), record.u32(8) * 8ULL};
    if (l1_table.length > largest_l1_table) {
        refuse("qcow2", fmt::format("the L1 table of the snapshot at offset {} has more than 32 "
                                    "MiB; {}",
                                    offset, mend_qcow2));
    }
    claims.claim("the L1 table of a snapshot", l1_table);
    const std::uint64_t length = snapshot_head + extra + record.u16(12) + record.u16(14);
    return round_up(add(offset, length), 8);
}

/// Claims the table of the bitmap at `offset`; returns where the next one begins.
std::uint64_t claim_bitmap(const ByteSource& source, std::uint64_t offset, ClusterClaims& claims) {
    const BigEndianRecord record(source, offset, bitmap_head);
    const Range table{record.u64(0), record.u32(8) * 8ULL};
    const std::uint16_t name_length = record.u16(18);
    if (record.u8(16) != dirty_tracking || name_length > longest_bitmap_name ||
        record.u8(17) > 31 || table.length > largest_bitmap_table) {
        refuse("qcow2", fmt::format("the bitmap at offset {} is of another kind, or larger than "
                                    "any; {}",
                                    offset, mend_qcow2));
    }
    claims.claim("the table of a bitmap", table);
    return round_up(add(offset, bitmap_head + record.u32(20) + name_length), 8);
}

}  // namespace

void claim_snapshots(const ByteSource& source, const Qcow2Header& header, ClusterClaims& claims) {
    if (header.snapshots == 0) return;
    std::uint64_t next = header.snapshots_offset;
    for (std::uint32_t i = 0; i < header.snapshots; ++i) {
        if (!Range{next, snapshot_head}.is_within(source.size())) {
            refuse("qcow2",
                   fmt::format("snapshot {} of {} lies past the end of the file, at offset "
                               "{}; copy the file again",
                               i + 1, header.snapshots, next));
        }
        next = claim_snapshot(source, next, claims);
    }
    claims.claim("the table of snapshots",
                 {header.snapshots_offset, next - header.snapshots_offset});
}

void claim_bitmaps(const ByteSource& source, const Qcow2Header& header, ClusterClaims& claims) {
    if (!header.bitmaps) return;
    const Range& directory = header.bitmaps->directory;
    claims.claim("the directory of bitmaps", directory);
    std::uint64_t next = directory.offset;
    for (std::uint32_t i = 0; i < header.bitmaps->count; ++i) {
        if (!Range{next, bitmap_head}.is_within(directory.end())) {
            refuse("qcow2", fmt::format("bitmap {} of {} lies past the end of their directory; {}",
                                        i + 1, header.bitmaps->count, mend_qcow2));
        }
        next = claim_bitmap(source, next, claims);
    }
}

}  // namespace kiln::builder::gate
