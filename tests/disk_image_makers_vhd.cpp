#include "builder/import/gate/crc32c.hpp"
#include "tests/disk_image_makers.hpp"

namespace kiln::tests {

namespace {

constexpr std::size_t footer_size = 512;
constexpr std::size_t dynamic_header_size = 1024;
constexpr std::uint32_t fixed = 2;
constexpr std::uint32_t dynamic = 3;

std::string make_footer(std::uint32_t type, std::uint64_t size) {
    std::string footer(footer_size, '\0');
    put_text(footer, 0, "conectix");
    put_big_endian<std::uint32_t>(footer, 8, 2);
    put_big_endian<std::uint32_t>(footer, 12, 0x10000);
    put_big_endian<std::uint64_t>(footer, 16, type == fixed ? ~0ULL : footer_size);
    put_text(footer, 28, "win ");
    put_big_endian(footer, 40, size);
    put_big_endian(footer, 48, size);
    put_big_endian(footer, 60, type);
    return footer;
}

void seal(std::string& bytes, std::size_t offset, std::size_t size, std::size_t checksum) {
    put_big_endian<std::uint32_t>(bytes, offset + checksum, 0);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < size; ++i)
        sum += static_cast<unsigned char>(bytes.at(offset + i));
    put_big_endian(bytes, offset + checksum, ~sum);
}

void seal_crc(std::string& bytes, std::size_t offset, std::size_t size) {
    put_little_endian<std::uint32_t>(bytes, offset + 4, 0);
    put_little_endian(bytes, offset + 4,
                      builder::gate::crc32c(0, std::string_view(bytes).substr(offset, size)));
}

void put_region(std::string& bytes, std::size_t number, std::string_view guid,
                std::uint64_t offset) {
    for (const std::size_t table : vhdx_place::region_tables) {
        const std::size_t entry = table + 16 + number * 32;
        put_text(bytes, entry, guid);
        put_little_endian(bytes, entry + 16, offset);
        put_little_endian<std::uint32_t>(bytes, entry + 24, 1 << 20);
        put_little_endian<std::uint32_t>(bytes, entry + 28, 1);
    }
}

struct Item {
    std::string_view guid;
    std::uint32_t offset;
    std::uint32_t length;
};

void put_item(std::string& bytes, std::size_t number, const Item& item) {
    const std::size_t entry = vhdx_place::metadata + 32 + number * 32;
    put_text(bytes, entry, item.guid);
    put_little_endian(bytes, entry + 16, item.offset);
    put_little_endian(bytes, entry + 20, item.length);
    put_little_endian<std::uint32_t>(bytes, entry + 24, number == 0 ? 4 : 6);
}

void put_metadata(std::string& bytes) {
    constexpr std::uint32_t items = 64 * 1024;  // behind the table
    constexpr std::size_t at = vhdx_place::metadata;
    put_text(bytes, at, "metadata");
    put_little_endian<std::uint16_t>(bytes, at + 10, 5);
    put_item(bytes, 0,
             {"\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b", items, 8});
    put_little_endian<std::uint32_t>(bytes, at + items, 1 << 20);
    put_item(bytes, 1,
             {"\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8", items + 8, 8});
    put_little_endian<std::uint64_t>(bytes, at + items + 8, 8 << 20);
    using namespace std::string_view_literals;
    put_item(
        bytes, 2,
        {"\xab\x12\xca\xbe\xe6\xb2\x23\x45\x93\xef\xc3\x09\xe0\x00\xc7\x46"sv, items + 16, 16});
    put_text(bytes, at + items + 16, "0123456789abcdef");
    put_item(bytes, 3,
             {"\x1d\xbf\x41\x81\x6f\xa9\x09\x47\xba\x47\xf2\x33\xa8\xfa\xab\x5f", items + 32, 4});
    put_little_endian<std::uint32_t>(bytes, at + items + 32, 512);
    put_item(bytes, 4,
             {"\xc7\x48\xa3\xcd\x5d\x44\x71\x44\x9c\xc9\xe9\x88\x52\x51\xc5\x56", items + 36, 4});
    put_little_endian<std::uint32_t>(bytes, at + items + 36, 4096);
}

}  // namespace

void seal_vhd(std::string& bytes) {
    seal(bytes, bytes.size() - footer_size, footer_size, 64);
    if (!bytes.starts_with("conectix") || bytes.size() < footer_size * 3 + dynamic_header_size)
        return;
    seal(bytes, 0, footer_size, 64);
    seal(bytes, footer_size, dynamic_header_size, 36);
}

std::string make_fixed_vhd(std::uint64_t size) {
    std::string bytes = make_raw(size) + make_footer(fixed, size);
    seal_vhd(bytes);
    return bytes;
}

std::string make_dynamic_vhd() {
    constexpr std::uint64_t size = 1 << 20;
    constexpr std::uint32_t block = 64 << 10;
    constexpr std::size_t table = footer_size + dynamic_header_size;
    std::string bytes = make_footer(dynamic, size);
    put_text(bytes, footer_size, "cxsparse");
    put_big_endian<std::uint64_t>(bytes, footer_size + 8, ~0ULL);
    put_big_endian<std::uint64_t>(bytes, footer_size + 16, table);
    put_big_endian<std::uint32_t>(bytes, footer_size + 24, 0x10000);
    put_big_endian<std::uint32_t>(bytes, footer_size + 28, size / block);
    put_big_endian<std::uint32_t>(bytes, footer_size + 32, block);
    bytes.resize(table);
    bytes.resize(table + 512, '\xff');
    put_big_endian<std::uint32_t>(bytes, table, 4);  // the sector behind the table
    bytes.resize(bytes.size() + 512, '\xff');        // the bitmap: all of the block is written
    put_text(bytes, bytes.size(), make_raw(block));
    bytes += make_footer(dynamic, size);
    seal_vhd(bytes);
    return bytes;
}

void seal_vhdx(std::string& bytes) {
    for (const std::size_t header : vhdx_place::headers)
        seal_crc(bytes, header, 4096);
    for (const std::size_t table : vhdx_place::region_tables)
        seal_crc(bytes, table, 64 * 1024);
}

std::string make_vhdx() {
    using namespace std::string_view_literals;
    std::string bytes;
    put_text(bytes, 0, "vhdxfile");
    for (std::size_t i = 0; i < 2; ++i) {
        const std::size_t header = vhdx_place::headers[i];
        put_text(bytes, header, "head");
        put_little_endian<std::uint64_t>(bytes, header + 8, i + 1);
        put_little_endian<std::uint16_t>(bytes, header + 66, 1);
        put_little_endian<std::uint32_t>(bytes, header + 68, 1 << 20);
        put_little_endian<std::uint64_t>(bytes, header + 72, vhdx_place::log);
        put_text(bytes, vhdx_place::region_tables[i], "regi");
        put_little_endian<std::uint32_t>(bytes, vhdx_place::region_tables[i] + 8, 2);
    }
    put_region(bytes, 0, "\x66\x77\xc2\x2d\x23\xf6\x00\x42\x9d\x64\x11\x5e\x9b\xfd\x4a\x08"sv,
               vhdx_place::allocation_table);
    put_region(bytes, 1, "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e"sv,
               vhdx_place::metadata);
    put_metadata(bytes);
    put_little_endian<std::uint64_t>(bytes, vhdx_place::allocation_table, vhdx_place::data | 6);
    put_text(bytes, vhdx_place::data, "guest data");
    bytes.resize(vhdx_place::data + (1 << 20));
    seal_vhdx(bytes);
    return bytes;
}

}  // namespace kiln::tests
