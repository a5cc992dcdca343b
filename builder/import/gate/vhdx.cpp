#include "builder/import/gate/vhdx.hpp"

#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"
#include "builder/import/gate/vhdx_header.hpp"
#include "builder/import/gate/vhdx_metadata.hpp"
#include "builder/import/gate/virtual_size.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint64_t mebibyte = 1ULL << 20;
constexpr std::uint64_t most_table_bytes = 128ULL << 20;

constexpr std::uint64_t state_mask = 7;
constexpr std::uint64_t offset_mask = ~(mebibyte - 1);
constexpr std::uint64_t fully_present = 6;
constexpr std::uint64_t partially_present = 7;

/// Every so many entries of blocks comes one of a bitmap, also where no parent makes use of it.
std::uint64_t entries_of(const VhdxMetadata& disk, std::uint64_t chunk_ratio) {
    const std::uint64_t blocks = divide_up(disk.size, disk.block);
    return blocks + (blocks - 1) / chunk_ratio;
}

Table allocation_table(const VhdxRegions& regions, const VhdxMetadata& disk,
                       std::uint64_t chunk_ratio) {
    const std::uint64_t entries = entries_of(disk, chunk_ratio);
    const std::uint64_t length = multiply(entries, 8);
    if (length > regions.allocation_table.length || length > most_table_bytes) {
        refuse("vhdx",
               fmt::format("its block allocation table of {} bytes needs {} for a disk of {} "
                           "bytes in blocks of {}, and can have 128 MiB; {}",
                           regions.allocation_table.length, length, disk.size, disk.block,
                           make_it_plain));
    }
    return {regions.allocation_table.offset, entries};
}

/// Counts the blocks that a file holds, and refuses more than it has room for.
class BlockCount {
  public:
    BlockCount(const ByteSource& source, const VhdxRegions& regions, std::uint64_t block)
        : source_(source), regions_(regions), block_(block) {}

    void count(std::uint64_t index, std::uint64_t entry) {
        const std::uint64_t state = entry & state_mask;
        if (state == partially_present) {
            refuse("vhdx", fmt::format("block {} is partly a parent's; {}", index, make_it_plain));
        }
        if (state != fully_present) return;
        const Range block{entry & offset_mask, block_};
        if (block.offset < mebibyte || !block.is_within(source_.size()) ||
            block.overlaps(regions_.allocation_table) || block.overlaps(regions_.metadata) ||
            block.overlaps(regions_.log)) {
            refuse("vhdx",
                   fmt::format("block {} at offset {} does not lie in the file, or over its "
                               "tables; copy it again",
                               index, block.offset));
        }
        blocks_ += 1;
        if (multiply(blocks_, block_) > source_.size()) {
            refuse("vhdx", fmt::format("its table names {} blocks, for which the file has no room: "
                                       "some are used twice; {}",
                                       blocks_, make_it_plain));
        }
    }

  private:
    const ByteSource& source_;
    const VhdxRegions& regions_;
    std::uint64_t block_;
    std::uint64_t blocks_ = 0;
};

}  // namespace

Bytes inspect_vhdx(const ByteSource& source) {
    const VhdxRegions regions = read_vhdx_regions(source);
    const VhdxMetadata disk = read_vhdx_metadata(source, regions.metadata);
    const Bytes size = checked_virtual_size("vhdx", disk.size);
    const std::uint64_t chunk_ratio = (disk.logical_sector << 23) / disk.block;
    BlockCount blocks(source, regions, disk.block);
    for_each_entry<std::uint64_t, ByteOrder::little>(
        source, allocation_table(regions, disk, chunk_ratio),
        [&](std::uint64_t index, std::uint64_t entry) {
            const bool is_bitmap = index % (chunk_ratio + 1) == chunk_ratio;
            if (!is_bitmap) blocks.count(index, entry);
        });
    return size;
}

}  // namespace kiln::builder::gate
