#include "builder/import/gate/vmdk.hpp"

#include <bit>

#include "builder/import/gate/arithmetic.hpp"
#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"
#include "builder/import/gate/virtual_size.hpp"
#include "builder/import/gate/vmdk_descriptor.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint64_t sector = 512;
constexpr std::uint64_t sectors_at_most = 1ULL << 40;  // so that they can be counted in bytes
constexpr std::uint64_t directory_at_end = too_large;
constexpr std::uint32_t entries_of_grain_table = 512;
constexpr std::uint64_t grain_table_size = entries_of_grain_table * 4;
constexpr std::uint64_t largest_directory = 8ULL << 20;
constexpr std::uint64_t most_table_bytes_walked = 128ULL << 20;

constexpr std::uint32_t has_backup_directory = 1U << 1;
constexpr std::uint32_t compresses = 1U << 16;
constexpr std::uint32_t has_markers = 1U << 17;
constexpr std::uint16_t deflate = 1;

constexpr std::uint32_t footer_marker = 3;
constexpr std::uint32_t end_marker = 0;

/// The first sector of the file, and the footer's second; sizes and places are in sectors.
struct Header {
    std::uint32_t version;
    std::uint32_t flags;
    std::uint64_t capacity;
    std::uint64_t grain;
    std::uint64_t descriptor;
    std::uint64_t descriptor_sectors;
    std::uint32_t grain_table_entries;
    std::uint64_t backup_directory;
    std::uint64_t directory;
    std::uint64_t overhead;
    std::uint16_t compression;

    bool is_compressed() const { return (flags & compresses) != 0; }
    std::uint64_t directory_entries() const {
        return divide_up(capacity, grain * entries_of_grain_table);
    }
};

Header read_header(const ByteSource& source, std::uint64_t offset) {
    const LittleEndianRecord record(source, offset, sector);
    return {.version = record.u32(4),
            .flags = record.u32(8),
            .capacity = record.u64(12),
            .grain = record.u64(20),
            .descriptor = record.u64(28),
            .descriptor_sectors = record.u64(36),
            .grain_table_entries = record.u32(44),
            .backup_directory = record.u64(48),
            .directory = record.u64(56),
            .overhead = record.u64(64),
            .compression = record.u16(77)};
}

void check_newlines(const ByteSource& source) {
    if (LittleEndianRecord(source, 73, 4).bytes() == "\n \r\n") return;
    refuse("vmdk", "the newlines in its header have changed: it was sent as text; copy it again");
}

void check_geometry(const Header& header) {
    if (header.version < 1 || header.version > 3) {
        refuse("vmdk",
               fmt::format("version {} is not 1, 2 or 3; {}", header.version, make_it_plain));
    }
    if (header.capacity == 0 || header.capacity > sectors_at_most) {
        refuse("vmdk", fmt::format("its capacity is {} sectors: it holds no disk itself; {}",
                                   header.capacity, make_it_plain));
    }
    const bool is_power_of_two = std::has_single_bit(header.grain);
    if (header.grain < 8 || header.grain > 2048 || !is_power_of_two) {
        refuse("vmdk", fmt::format("its grain size, {} sectors, is no power of 2 between 8 and "
                                   "2048; {}",
                                   header.grain, make_it_plain));
    }
    if (header.grain_table_entries != entries_of_grain_table) {
        refuse("vmdk", fmt::format("its grain tables have {} entries, not 512; {}",
                                   header.grain_table_entries, make_it_plain));
    }
}

void check_compression(const Header& header) {
    if (header.is_compressed() ? header.compression == deflate : header.compression == 0) return;
    refuse("vmdk", fmt::format("its compression algorithm {} is not as its flags say; {}",
                               header.compression, make_it_plain));
}

bool is_marker(const ByteSource& source, std::uint64_t offset, std::uint32_t type) {
    const LittleEndianRecord record(source, offset, 16);
    return record.u32(8) == 0 && record.u32(12) == type &&
           (type != end_marker || record.u64(0) == 0);
}

/// The footer says where the grain directory is, and all else as the header does.
Header read_footer(const ByteSource& source, const Header& header) {
    if (source.size() < 4 * sector) refuse("vmdk", "its footer is missing; copy it again");
    const std::uint64_t offset = source.size() - 2 * sector;
    if (!is_marker(source, offset - sector, footer_marker) ||
        !is_marker(source, offset + sector, end_marker) ||
        LittleEndianRecord(source, offset, 4).bytes() != "KDMV") {
        refuse("vmdk",
               "it does not end with a footer, as its header says that it does: the file is "
               "cut off, or more was added to it; copy it again");
    }
    const Header footer = read_header(source, offset);
    const bool is_same = footer.version == header.version && footer.flags == header.flags &&
                         footer.capacity == header.capacity && footer.grain == header.grain &&
                         footer.grain_table_entries == header.grain_table_entries &&
                         footer.compression == header.compression;
    if (!is_same || footer.directory == directory_at_end) {
        refuse("vmdk",
               "its footer contradicts its header: programs would read different disks in "
               "it; " +
                   std::string(make_it_plain));
    }
    return footer;
}

Table directory_table(const ByteSource& source, const Header& header, std::uint64_t first_sector) {
    const Range range{multiply(first_sector, sector), multiply(header.directory_entries(), 4)};
    if (first_sector == 0 || !range.is_within(source.size())) {
        refuse("vmdk",
               fmt::format("its grain directory of {} bytes at offset {} does not lie in the "
                           "file; copy the file again",
                           range.length, range.offset));
    }
    if (range.length > largest_directory) {
        refuse("vmdk", fmt::format("its grain directory has {} bytes, more than 8 MiB; {}",
                                   range.length, make_it_plain));
    }
    return {range.offset, header.directory_entries()};
}

/// Grains that the tables map, against what the file has room for: tables and grains that are used
/// more than once make a small file a huge disk.
class GrainCount {
  public:
    GrainCount(const ByteSource& source, const Header& header)
        : source_(source),
          // A compressed grain takes a sector at least.
          smallest_grain_(header.is_compressed() ? sector : header.grain * sector) {}

    void count_table(std::uint64_t first_sector) {
        const Range table{first_sector * sector, grain_table_size};
        if (!table.is_within(source_.size())) {
            refuse("vmdk", fmt::format("a grain table at offset {} lies past the end of the file; "
                                       "copy the file again",
                                       table.offset));
        }
        tables_ += 1;
        check(tables_, grain_table_size, "grain tables");
        if (tables_ * grain_table_size > most_table_bytes_walked) return;
        for_each_entry<std::uint32_t, ByteOrder::little>(
            source_, {table.offset, entries_of_grain_table},
            [&](std::uint64_t, std::uint32_t grain) { count_grain(grain); });
    }

  private:
    void count_grain(std::uint32_t first_sector) {
        if (first_sector <= 1) return;  // 0: there is none, 1: it is zeros
        if (first_sector * sector >= source_.size()) {
            refuse("vmdk", fmt::format("a grain at offset {} lies past the end of the file; copy "
                                       "the file again",
                                       first_sector * sector));
        }
        grains_ += 1;
        check(grains_, smallest_grain_, "grains");
    }
    void check(std::uint64_t count, std::uint64_t size, const char* what) const {
        if ((count - 1) * size < source_.size()) return;
        refuse("vmdk",
               fmt::format("its tables name {} {}, for which the file has no room: some are "
                           "used twice; {}",
                           count, what, make_it_plain));
    }

    const ByteSource& source_;
    std::uint64_t smallest_grain_;
    std::uint64_t tables_ = 0;
    std::uint64_t grains_ = 0;
};

}  // namespace

Bytes inspect_vmdk(const ByteSource& source) {
    if (source.size() < 2 * sector)
        refuse("vmdk", "the file ends within its header; copy it again");
    const Header header = read_header(source, 0);
    check_newlines(source);
    check_geometry(header);
    check_compression(header);
    const Bytes size = checked_virtual_size("vmdk", multiply(header.capacity, sector));
    check_vmdk_descriptor(source, {.first_sector = header.descriptor,
                                   .sectors = header.descriptor_sectors,
                                   .capacity = header.capacity,
                                   .grain = header.grain,
                                   .is_stream = (header.flags & has_markers) != 0});
    const Header last = header.directory == directory_at_end ? read_footer(source, header) : header;
    if (multiply(last.overhead, sector) > source.size()) {
        refuse("vmdk", "the file is shorter than its header's overHead; copy it again");
    }
    if ((last.flags & has_backup_directory) != 0) {
        directory_table(source, last, last.backup_directory);
    }
    GrainCount count(source, last);
    for_each_entry<std::uint32_t, ByteOrder::little>(source,
                                                     directory_table(source, last, last.directory),
                                                     [&](std::uint64_t, std::uint32_t table) {
                                                         if (table != 0) count.count_table(table);
                                                     });
    return size;
}

}  // namespace kiln::builder::gate
