#include "builder/import/gate/vhd.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "builder/import/gate/arithmetic.hpp"
#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"
#include "builder/import/gate/virtual_size.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint64_t sector = 512;
constexpr std::uint64_t footer_size = 512;
constexpr std::uint64_t dynamic_header_size = 1024;
constexpr std::uint64_t largest_dynamic_disk = 2040ULL << 30;
constexpr std::uint64_t largest_geometry = 65535ULL * 16 * 255;  // sectors
constexpr std::uint64_t largest_table = 32ULL << 20;
constexpr std::uint32_t unused_block = 0xffffffff;

constexpr std::uint32_t fixed = 2;
constexpr std::uint32_t dynamic = 3;
constexpr std::uint32_t differencing = 4;

constexpr std::size_t footer_checksum = 64;
constexpr std::size_t header_checksum = 36;

/// The complement of the sum of all bytes but the checksum's own.
void check_checksum(const char* what, const BigEndianRecord& record, std::size_t checksum) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < record.bytes().size(); ++i) {
        if (i < checksum || i >= checksum + 4) sum += record.u8(i);
    }
    if (record.u32(checksum) == ~sum) return;
    refuse("vhd",
           fmt::format("the checksum of its {} is {:#010x}, not {:#010x}: the file is damaged; "
                       "copy it again",
                       what, record.u32(checksum), ~sum));
}

BigEndianRecord read_footer(const ByteSource& source, std::uint64_t offset, const char* what) {
    BigEndianRecord footer(source, offset, footer_size);
    if (!footer.bytes().starts_with("conectix")) {
        refuse("vhd", fmt::format("its {} is missing: the file is cut off; copy it again", what));
    }
    check_checksum(what, footer, footer_checksum);
    return footer;
}

void check_type(std::uint32_t type) {
    if (type == fixed || type == dynamic) return;
    if (type == differencing) {
        refuse("vhd", fmt::format("it is a differencing disk, which stands on a parent; {}",
                                  make_it_plain));
    }
    refuse("vhd", fmt::format("its disk type {} is not 2 (fixed) or 3 (dynamic); {}", type,
                              make_it_plain));
}

/// Whether QEMU (block/vpc.c) takes the current size of the disk rather than its geometry.
bool means_current_size(std::string_view creator) {
    using namespace std::string_view_literals;
    constexpr std::array creators{"win "sv, "qem2"sv, "d2v "sv, "tap\0"sv, "CTXS"sv};
    return std::ranges::find(creators, creator) != creators.end();
}

std::uint64_t size_of(const BigEndianRecord& footer) {
    const std::uint64_t current = footer.u64(48);
    const std::uint64_t geometry = std::uint64_t{footer.u16(56)} * footer.u8(58) * footer.u8(59);
    if (means_current_size(footer.text(28, 4)) || geometry == largest_geometry) return current;
    return geometry * sector;
}

void check_fixed(const ByteSource& source, std::uint64_t size, std::uint64_t current) {
    const std::uint64_t held = source.size() - footer_size;
    if (size <= held && current <= held) return;
    refuse("vhd",
           fmt::format("it is a fixed disk of {} bytes, but the file holds {}; copy it again",
                       std::max(size, current), held));
}

/// The header of a dynamic disk, which follows the copy of the footer.
struct DynamicHeader {
    Range range;
    Range table;
    std::uint64_t entries;
    std::uint64_t block;  // bytes of data; a bitmap of its sectors stands before them

    std::uint64_t block_with_bitmap() const {
        return add(block, round_up(divide_up(block, sector * 8), sector));
    }
};

DynamicHeader read_dynamic_header(const ByteSource& source, std::uint64_t offset) {
    const Range range{offset, dynamic_header_size};
    if (!range.is_within(source.size()) || offset < footer_size) {
        refuse("vhd",
               fmt::format("its dynamic header at offset {} does not lie in the file; copy it "
                           "again",
                           offset));
    }
    const BigEndianRecord record(source, offset, dynamic_header_size);
    if (!record.bytes().starts_with("cxsparse")) {
        refuse("vhd", "its dynamic header does not begin with 'cxsparse'; copy it again");
    }
    check_checksum("dynamic header", record, header_checksum);
    const std::string_view parent = record.text(40, 16);
    if (parent.find_first_not_of('\0') != std::string_view::npos) {
        refuse("vhd", fmt::format("its dynamic header names a parent; {}", make_it_plain));
    }
    const std::uint64_t entries = record.u32(28);
    return {range, {record.u64(16), entries * 4}, entries, record.u32(32)};
}

void check_table(const ByteSource& source, const DynamicHeader& header, std::uint64_t size) {
    const bool is_power_of_two = std::has_single_bit(header.block);
    if (header.block < sector || !is_power_of_two) {
        refuse("vhd", fmt::format("its block size, {} bytes, is no power of 2 from 512 on; {}",
                                  header.block, make_it_plain));
    }
    if (header.entries * header.block < size || header.table.length > largest_table) {
        refuse("vhd",
               fmt::format("its block allocation table has {} entries: too few for {} bytes, "
                           "or more than 32 MiB of them; {}",
                           header.entries, size, make_it_plain));
    }
    if (!header.table.is_within(source.size()) || header.table.offset < footer_size ||
        header.table.overlaps(header.range)) {
        refuse("vhd",
               fmt::format("its block allocation table of {} bytes at offset {} does not lie "
                           "in the file, or over a header; copy it again",
                           header.table.length, header.table.offset));
    }
}

void check_blocks(const ByteSource& source, const DynamicHeader& header) {
    const Range copy{0, footer_size};
    std::uint64_t blocks = 0;
    for_each_entry<std::uint32_t, ByteOrder::big>(
        source, {header.table.offset, header.entries},
        [&](std::uint64_t index, std::uint32_t first_sector) {
            if (first_sector == unused_block) return;
            const Range block{first_sector * sector, header.block_with_bitmap()};
            if (!block.is_within(source.size()) || block.overlaps(copy) ||
                block.overlaps(header.range) || block.overlaps(header.table)) {
                refuse("vhd", fmt::format("block {} at offset {} does not lie in the file, or over "
                                          "its tables; copy it again",
                                          index, block.offset));
            }
            blocks += 1;
            if (multiply(blocks, block.length) > source.size()) {
                refuse("vhd",
                       fmt::format("its table names {} blocks, for which the file has no room: "
                                   "some are used twice; {}",
                                   blocks, make_it_plain));
            }
        });
}

/// The copy at the beginning is what QEMU reads, the footer at the end what others do.
void check_copy(const BigEndianRecord& copy, const BigEndianRecord& footer) {
    if (copy.bytes() == footer.bytes()) return;
    refuse("vhd", fmt::format("its footer differs from the copy at its beginning: programs would "
                              "read different disks in it; {}",
                              make_it_plain));
}

}  // namespace

Bytes inspect_vhd(const ByteSource& source) {
    if (source.size() < footer_size)
        refuse("vhd", "the file ends within its footer; copy it again");
    const BigEndianRecord footer = read_footer(source, source.size() - footer_size, "footer");
    const std::uint32_t type = footer.u32(60);
    check_type(type);
    if (footer.u32(12) >> 16 != 1) {
        refuse("vhd", fmt::format("its format version {:#x} is not 1.0; {}", footer.u32(12),
                                  make_it_plain));
    }
    const std::uint64_t size = size_of(footer);
    const Bytes virtual_size = checked_virtual_size("vhd", size);
    if (BigEndianRecord(source, 0, 8).bytes() == "conectix" && type == fixed &&
        source.size() > footer_size) {
        refuse("vhd",
               "it begins as a dynamic disk does, but ends as a fixed one: programs would "
               "read different disks in it");
    }
    if (type == fixed) {
        check_fixed(source, size, footer.u64(48));
        return virtual_size;
    }
    if (size > largest_dynamic_disk) {
        refuse("vhd", fmt::format("a dynamic disk cannot have {} bytes, more than 2040 GiB; {}",
                                  size, make_it_plain));
    }
    check_copy(read_footer(source, 0, "copy of the footer"), footer);
    const DynamicHeader header = read_dynamic_header(source, footer.u64(16));
    check_table(source, header, size);
    check_blocks(source, header);
    return virtual_size;
}

}  // namespace kiln::builder::gate
