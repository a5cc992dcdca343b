#include "builder/import/gate/vhdx_metadata.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

using namespace std::string_view_literals;

constexpr std::size_t table_size = 64 * 1024;
constexpr std::uint16_t most_items = 2047;
constexpr std::size_t first_item = 32;
constexpr std::size_t item_size = 32;
constexpr std::size_t guid_size = 16;
constexpr std::uint32_t has_parent = 1U << 1;  // of the file parameters

/// What kiln knows of an item. Each stands once, but for the parent locator: never.
struct Known {
    std::string_view guid;
    std::uint32_t length;
    const char* name;
};

// {CAA16737-FA36-4D43-B3B6-33F0AA44E76B}
constexpr Known file_parameters{
    "\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b"sv, 8, "file parameters"};
// {2FA54224-CD1B-4876-B211-5DBED83BF4B8}
constexpr Known disk_size{"\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8"sv, 8,
                          "virtual disk size"};
// {BECA12AB-B2E6-4523-93EF-C309E000C746}
constexpr Known disk_id{"\xab\x12\xca\xbe\xe6\xb2\x23\x45\x93\xef\xc3\x09\xe0\x00\xc7\x46"sv, 16,
                        "virtual disk id"};
// {8141BF1D-A96F-4709-BA47-F233A8FAAB5F}
constexpr Known logical_sector{"\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f"sv,
                               4, "logical sector size"};
// {CDA348C7-445D-4471-9CC9-E9885251C556}
constexpr Known physical_sector{
    "\xc7\x48\xa3\xcd\x5d\x44\x71\x44\x9c\xc9\xe9\x88\x52\x51\xc5\x56"sv, 4,
    "physical sector size"};
// {A8D35F2D-B30B-454D-ABF7-D3D84834AB0C}
constexpr std::string_view parent_locator =
    "\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c"sv;

constexpr std::array known_items{file_parameters, disk_size, disk_id, logical_sector,
                                 physical_sector};

/// The table at the beginning of the region; the items lie behind it.
class MetadataTable {
  public:
    MetadataTable(const ByteSource& source, const Range& region)
        : source_(source), region_(region), table_(source, region.offset, table_size) {
        if (!table_.bytes().starts_with("metadata")) {
            refuse("vhdx", "its metadata does not begin with 'metadata'; copy it again");
        }
        items_ = table_.u16(10);
        if (items_ > most_items) {
            refuse("vhdx", fmt::format("its metadata has {} items, more than {}; {}", items_,
                                       most_items, make_it_plain));
        }
        for (std::size_t i = 0; i < items_; ++i)
            check_item(i);
    }

    /// The item, of which there is exactly one.
    LittleEndianRecord item(const Known& wanted) const {
        std::size_t found = items_;
        for (std::size_t i = 0; i < items_; ++i) {
            if (guid(i) != wanted.guid) continue;
            if (found != items_) {
                refuse("vhdx", fmt::format("its metadata has the {} twice; {}", wanted.name,
                                           make_it_plain));
            }
            found = i;
        }
        if (found == items_) {
            refuse("vhdx", fmt::format("its metadata has no {}; copy it again", wanted.name));
        }
        return content(found, wanted);
    }

  private:
    std::size_t at(std::size_t item) const { return first_item + item * item_size; }
    std::string_view guid(std::size_t item) const { return table_.text(at(item), guid_size); }

    void check_item(std::size_t item) const {
        if (guid(item) == parent_locator) {
            refuse("vhdx",
                   fmt::format("its metadata has a parent locator: it stands on another disk; "
                               "{}",
                               make_it_plain));
        }
        const bool is_known =
            std::ranges::find(known_items, guid(item), &Known::guid) != known_items.end();
        const bool is_required = (table_.u32(at(item) + 24) & 4) != 0;
        if (is_known || !is_required) return;
        refuse("vhdx", fmt::format("item {} of its metadata is required, but unknown; {}", item,
                                   make_it_plain));
    }

    LittleEndianRecord content(std::size_t item, const Known& wanted) const {
        const Range place{table_.u32(at(item) + 16), table_.u32(at(item) + 20)};
        if (place.offset < table_size || !place.is_within(region_.length) ||
            place.length != wanted.length) {
            refuse("vhdx",
                   fmt::format("the {} of {} bytes at offset {} of its metadata is not of {} "
                               "bytes behind their table; copy it again",
                               wanted.name, place.length, place.offset, wanted.length));
        }
        return {source_, region_.offset + place.offset, wanted.length};
    }

    const ByteSource& source_;
    Range region_;
    LittleEndianRecord table_;
    std::size_t items_ = 0;
};

void check(const VhdxMetadata& disk) {
    const bool is_power_of_two = std::has_single_bit(disk.block);
    if (disk.block < 1U << 20 || disk.block > 256U << 20 || !is_power_of_two) {
        refuse("vhdx",
               fmt::format("its block size, {} bytes, is no power of 2 from 1 to 256 MiB; {}",
                           disk.block, make_it_plain));
    }
    if (disk.logical_sector != 512 && disk.logical_sector != 4096) {
        refuse("vhdx", fmt::format("its logical sector size, {} bytes, is not 512 or 4096; {}",
                                   disk.logical_sector, make_it_plain));
    }
    if (disk.size % disk.logical_sector != 0) {
        refuse("vhdx",
               fmt::format("its virtual size, {} bytes, is no multiple of its logical sector "
                           "size, {}; {}",
                           disk.size, disk.logical_sector, make_it_plain));
    }
}

}  // namespace

VhdxMetadata read_vhdx_metadata(const ByteSource& source, const Range& region) {
    const MetadataTable table(source, region);
    const LittleEndianRecord parameters = table.item(file_parameters);
    if ((parameters.u32(4) & has_parent) != 0) {
        refuse("vhdx",
               fmt::format("its file parameters say that it has a parent; {}", make_it_plain));
    }
    const VhdxMetadata disk{.size = table.item(disk_size).u64(0),
                            .block = parameters.u32(0),
                            .logical_sector = table.item(logical_sector).u32(0)};
    check(disk);
    return disk;
}

}  // namespace kiln::builder::gate
