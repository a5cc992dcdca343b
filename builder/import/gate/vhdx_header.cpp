#include "builder/import/gate/vhdx_header.hpp"

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "builder/import/gate/crc32c.hpp"
#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t kibibyte = 1024;
constexpr std::uint64_t mebibyte = 1ULL << 20;
constexpr std::array header_offsets{64 * kibibyte, 128 * kibibyte};
constexpr std::size_t header_size = 4096;
constexpr std::array region_table_offsets{192 * kibibyte, 256 * kibibyte};
constexpr std::size_t region_table_size = 64 * kibibyte;
constexpr std::uint32_t most_regions = 2047;
constexpr std::size_t first_region = 16;
constexpr std::size_t region_size = 32;
constexpr std::size_t guid_size = 16;

constexpr std::string_view no_guid = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"sv;
// {2DC27766-F623-4200-9D64-115E9BFD4A08}
constexpr std::string_view allocation_table_guid =
    "\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08"sv;
// {8B7CA206-4790-4B9A-B8FE-575F050F886E}
constexpr std::string_view metadata_guid =
    "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e"sv;

constexpr const char* mend =
    "mend it: open and detach it in Hyper-V, or qemu-img check -r all FILE";

/// The sum stands at offset 4, and counts as zeros itself.
LittleEndianRecord read_summed(const ByteSource& source, std::uint64_t offset, std::size_t size,
                               std::string_view signature, const char* what) {
    LittleEndianRecord record(source, offset, size);
    if (!record.bytes().starts_with(signature)) {
        refuse("vhdx", fmt::format("the {} at offset {} does not begin with {}; {}", what, offset,
                                   in_quotes(signature), mend));
    }
    std::uint32_t sum = crc32c(0, signature);
    sum = crc32c(sum, "\0\0\0\0"sv);
    sum = crc32c(sum, record.bytes().substr(8));
    if (record.u32(4) == sum) return record;
    refuse("vhdx", fmt::format("the checksum of the {} at offset {} is {:#010x}, not {:#010x}; {}",
                               what, offset, record.u32(4), sum, mend));
}

/// Returns where the log lies.
Range check_header(const LittleEndianRecord& header) {
    if (header.u16(66) != 1 || header.u16(64) != 0) {
        refuse("vhdx", fmt::format("version {}, with a log of version {}, is not 1 with 0; {}",
                                   header.u16(66), header.u16(64), make_it_plain));
    }
    if (header.text(48, guid_size) != no_guid) {
        refuse("vhdx", fmt::format("its log holds what was never written to its place: it was not "
                                   "closed; {}",
                                   mend));
    }
    return {header.u64(72), header.u32(68)};
}

Range read_log_place(const ByteSource& source) {
    std::optional<Range> log;
    std::optional<std::uint64_t> sequence;
    for (const std::uint64_t offset : header_offsets) {
        const auto header = read_summed(source, offset, header_size, "head", "header");
        const Range range = check_header(header);
        // The header with the higher number is the one that counts.
        if (!sequence || header.u64(8) > *sequence) {
            sequence = header.u64(8);
            log = range;
        }
    }
    return *log;
}

void place(const ByteSource& source, const char* what, const Range& range,
           std::vector<Range>& places) {
    const bool is_aligned = range.offset % mebibyte == 0 && range.length % mebibyte == 0;
    if (!is_aligned || range.offset < mebibyte || range.length == 0 ||
        !range.is_within(source.size())) {
        refuse("vhdx", fmt::format("its {} of {} bytes at offset {} is not of whole MiB within the "
                                   "file; copy it again",
                                   what, range.length, range.offset));
    }
    for (const Range& other : places) {
        if (!range.overlaps(other)) continue;
        refuse("vhdx", fmt::format("its {} at offset {} lies over another region; {}", what,
                                   range.offset, make_it_plain));
    }
    places.push_back(range);
}

std::uint32_t checked_count(const LittleEndianRecord& table) {
    const std::uint32_t count = table.u32(8);
    if (count <= most_regions) return count;
    refuse("vhdx", fmt::format("its region table has {} entries, more than {}; {}", count,
                               most_regions, make_it_plain));
}

void set_once(Range& region, const Range& range, const char* what) {
    if (region.length != 0) {
        refuse("vhdx", fmt::format("its region table names its {} twice; {}", what, make_it_plain));
    }
    region = range;
}

VhdxRegions read_entries(const LittleEndianRecord& table) {
    VhdxRegions regions;
    const std::uint32_t count = checked_count(table);
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t at = first_region + i * region_size;
        const std::string_view guid = table.text(at, guid_size);
        const Range range{table.u64(at + 16), table.u32(at + 24)};
        const bool is_required = (table.u32(at + 28) & 1) != 0;
        if (guid == allocation_table_guid) {
            set_once(regions.allocation_table, range, "block allocation table");
        } else if (guid == metadata_guid) {
            set_once(regions.metadata, range, "metadata");
        } else if (is_required) {
            refuse("vhdx", fmt::format("it requires a region that is unknown, entry {} of its "
                                       "region table; {}",
                                       i, make_it_plain));
        }
    }
    return regions;
}

}  // namespace

VhdxRegions read_vhdx_regions(const ByteSource& source) {
    if (source.size() < mebibyte) {
        refuse("vhdx", "the file ends within its first MiB, the headers; copy it again");
    }
    const Range log = read_log_place(source);
    const auto table =
        read_summed(source, region_table_offsets[0], region_table_size, "regi", "region table");
    const auto copy =
        read_summed(source, region_table_offsets[1], region_table_size, "regi", "region table");
    if (table.bytes() != copy.bytes()) {
        refuse("vhdx",
               fmt::format("its region tables differ: programs would read different disks in "
                           "it; {}",
                           mend));
    }
    VhdxRegions regions = read_entries(table);
    regions.log = log;
    std::vector<Range> places;
    place(source, "block allocation table", regions.allocation_table, places);
    place(source, "metadata", regions.metadata, places);
    if (log.length != 0) place(source, "log", log, places);
    return regions;
}

}  // namespace kiln::builder::gate
