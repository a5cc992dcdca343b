#include "builder/import/gate/vhdx.hpp"

#include <array>

#include "tests/unit/builder/gate/gate_checks.hpp"

namespace kiln::builder::gate {

namespace {

using namespace tests;

constexpr std::uint64_t mebibyte = 1 << 20;
constexpr std::size_t items = vhdx_place::metadata + 64 * 1024;
constexpr std::size_t first_item = vhdx_place::metadata + 32;

template <std::unsigned_integral Number>
std::string poked(std::size_t offset, Number value) {
    std::string bytes = make_vhdx();
    put_little_endian(bytes, offset, value);
    seal_vhdx(bytes);
    return bytes;
}

/// A change at the same place of two structures.
template <std::unsigned_integral Number>
std::string with_both(const std::size_t (&places)[2], std::size_t offset, Number value) {
    std::string bytes = make_vhdx();
    for (const std::size_t place : places)
        put_little_endian(bytes, place + offset, value);
    seal_vhdx(bytes);
    return bytes;
}

TEST(vhdx_gate, accepts_a_disk_of_its_own) {
    expect_disk(pass(make_vhdx()), DiskFormat::vhdx, Bytes::mebibytes(8));
}

TEST(vhdx_gate, refuses_what_is_damaged_or_cut_off) {
    for (const std::size_t offset : {vhdx_place::headers[0], vhdx_place::headers[1],
                                     vhdx_place::region_tables[0], vhdx_place::region_tables[1]}) {
        std::string bad_sum = make_vhdx();
        bad_sum[offset + 2000] = 1;
        expect_refused(bad_sum, "the checksum of the");
        expect_refused(poked<std::uint8_t>(offset, 'x'), "does not begin with");
    }
    expect_refused(make_vhdx().substr(0, mebibyte - 1), "first MiB");
    expect_refused(make_vhdx().substr(0, vhdx_place::data), "block 0 at offset 4194304");
    expect_refused(make_vhdx().substr(0, vhdx_place::data - 512), "block allocation table");
}

TEST(vhdx_gate, knows_each_field_of_the_headers) {
    constexpr auto& headers = vhdx_place::headers;
    expect_refused(with_both<std::uint16_t>(headers, 66, 2), "version 2");
    expect_refused(with_both<std::uint16_t>(headers, 64, 1), "log of version 1");
    expect_refused(poked<std::uint8_t>(headers[0] + 48, 1), "its log holds");
    expect_refused(poked<std::uint8_t>(headers[1] + 63, 1), "its log holds");
    expect_refused(poked<std::uint64_t>(headers[1] + 72, 2 * mebibyte), "lies over another");
    expect_refused(poked<std::uint64_t>(headers[1] + 72, 0), "its log of");
    expect_refused(poked<std::uint32_t>(headers[1] + 68, 4096), "its log of");
    EXPECT_EQ(refusal_of(poked<std::uint64_t>(headers[0] + 72, 0)), "") << "an older header";
    EXPECT_EQ(refusal_of(poked<std::uint32_t>(headers[1] + 68, 0)), "") << "there is no log";
}

TEST(vhdx_gate, knows_each_field_of_the_region_tables) {
    constexpr auto& tables = vhdx_place::region_tables;
    expect_refused(with_both<std::uint32_t>(tables, 8, 2048), "2048 entries");
    expect_refused(with_both<std::uint32_t>(tables, 8, 1), "its metadata of 0 bytes");
    expect_refused(with_both<std::uint32_t>(tables, 8, 0), "its block allocation table of 0");
    expect_refused(with_both<std::uint8_t>(tables, 16, 0), "a region that is unknown");
    expect_refused(with_both<std::uint64_t>(tables, 32, 512), "whole MiB");
    expect_refused(with_both<std::uint64_t>(tables, 32, 1ULL << 62), "within the file");
    expect_refused(with_both<std::uint64_t>(tables, 32, 2 * mebibyte), "lies over another");
    expect_refused(with_both<std::uint32_t>(tables, 40, 4096), "whole MiB");
    expect_refused(poked<std::uint32_t>(tables[1] + 8, 3), "region tables differ");
    std::string twice = make_vhdx();
    for (const std::size_t place : tables) {
        put_little_endian<std::uint32_t>(twice, place + 8, 3);
        put_text(twice, place + 80, twice.substr(place + 16, 32));
    }
    seal_vhdx(twice);
    expect_refused(twice, "twice");
}

TEST(vhdx_gate, knows_each_item_of_the_metadata) {
    expect_refused(poked<std::uint8_t>(vhdx_place::metadata, 'x'),
                   "does not begin with 'metadata'");
    expect_refused(poked<std::uint16_t>(vhdx_place::metadata + 10, 2048), "2048 items");
    expect_refused(poked<std::uint16_t>(vhdx_place::metadata + 10, 1), "no virtual disk size");
    expect_refused(poked<std::uint16_t>(vhdx_place::metadata + 10, 3), "no logical sector size");
    expect_refused(poked<std::uint8_t>(first_item, 0), "required, but unknown");
    expect_refused(poked<std::uint32_t>(first_item + 16, 0), "behind their table");
    expect_refused(poked<std::uint32_t>(first_item + 16, mebibyte - 4), "behind their table");
    expect_refused(poked<std::uint32_t>(first_item + 20, 4), "not of 8 bytes");
    std::string parent = make_vhdx();
    put_text(parent, first_item + 5 * 32,
             std::string_view("\x2d\x5f\xd3\xa8\x0b\xb3\x4d\x45\xab\xf7\xd3\xd8\x48\x34\xab\x0c"));
    put_little_endian<std::uint16_t>(parent, vhdx_place::metadata + 10, 6);
    expect_refused(parent, "parent locator");
    std::string twice = make_vhdx();
    put_text(twice, first_item + 5 * 32, twice.substr(first_item, 32));
    put_little_endian<std::uint16_t>(twice, vhdx_place::metadata + 10, 6);
    expect_refused(twice, "twice");
}

TEST(vhdx_gate, knows_the_bounds_of_the_disk) {
    expect_refused(poked<std::uint32_t>(items, 1 << 19), "block size");
    expect_refused(poked<std::uint32_t>(items, 1 << 29), "block size");
    expect_refused(poked<std::uint32_t>(items, 3 << 20), "block size");
    expect_refused(poked<std::uint32_t>(items + 4, 2), "has a parent");
    expect_refused(poked<std::uint64_t>(items + 8, 0), "virtual size is 0");
    expect_refused(poked<std::uint64_t>(items + 8, 1000), "no multiple of its logical");
    expect_refused(poked<std::uint64_t>(items + 8, ~0ULL << 9), "64 TiB");
    expect_refused(poked<std::uint64_t>(items + 8, 1ULL << 40), "block allocation table");
    expect_refused(poked<std::uint32_t>(items + 32, 1024), "logical sector size, 1024");
    EXPECT_EQ(refusal_of(poked<std::uint32_t>(items + 32, 4096)), "");
    EXPECT_EQ(refusal_of(poked<std::uint32_t>(items + 4, 1)), "") << "blocks stay allocated";
}

TEST(vhdx_gate, refuses_blocks_that_lie_elsewhere_or_twice) {
    constexpr std::size_t table = vhdx_place::allocation_table;
    constexpr std::uint64_t fully_present = 6;
    expect_refused(poked<std::uint64_t>(table, fully_present), "block 0 at offset 0");
    expect_refused(poked<std::uint64_t>(table, 3 * mebibyte | fully_present), "over its tables");
    expect_refused(poked<std::uint64_t>(table, 5 * mebibyte | fully_present), "does not lie");
    expect_refused(poked<std::uint64_t>(table, 4 * mebibyte | 7), "partly a parent's");
    std::string twice = make_vhdx();
    for (std::size_t i = 0; i < 8; ++i) {
        put_little_endian<std::uint64_t>(twice, table + i * 8, 4 * mebibyte | fully_present);
    }
    expect_refused(twice, "some are used twice");
}

}  // namespace

}  // namespace kiln::builder::gate
