#include "builder/import/gate/vhd.hpp"

#include <array>

#include "tests/unit/builder/gate/gate_checks.hpp"

namespace kiln::builder::gate {

namespace {

using namespace tests;

constexpr std::size_t header = 512;
constexpr std::size_t table = 1536;

/// A change of both footers of a dynamic disk.
template <std::unsigned_integral Number>
std::string with_footers(std::size_t offset, Number value) {
    std::string bytes = make_dynamic_vhd();
    put_big_endian(bytes, offset, value);
    put_big_endian(bytes, bytes.size() - 512 + offset, value);
    seal_vhd(bytes);
    return bytes;
}

template <std::unsigned_integral Number>
std::string poked(std::size_t offset, Number value) {
    std::string bytes = make_dynamic_vhd();
    put_big_endian(bytes, offset, value);
    seal_vhd(bytes);
    return bytes;
}

std::string fixed_of(std::string_view creator, std::uint16_t cylinders, std::uint8_t heads) {
    std::string bytes = make_fixed_vhd(1 << 20);
    put_text(bytes, (1 << 20) + 28, creator);
    put_big_endian(bytes, (1 << 20) + 56, cylinders);
    put_big_endian(bytes, (1 << 20) + 58, heads);
    put_big_endian<std::uint8_t>(bytes, (1 << 20) + 59, 16);
    seal_vhd(bytes);
    return bytes;
}

TEST(vhd_gate, accepts_fixed_and_dynamic_disks) {
    expect_disk(pass(make_fixed_vhd(1 << 20)), DiskFormat::vhd, Bytes::mebibytes(1));
    expect_disk(pass(make_dynamic_vhd()), DiskFormat::vhd, Bytes::mebibytes(1));
}

TEST(vhd_gate, reads_the_size_as_qemu_does) {
    using namespace std::string_view_literals;
    const Bytes by_geometry{20 * 4 * 16 * 512};
    expect_disk(pass(fixed_of("vpc ", 20, 4)), DiskFormat::vhd, by_geometry);
    expect_disk(pass(fixed_of("qemu", 20, 4)), DiskFormat::vhd, by_geometry);
    for (const auto creator : {"win "sv, "qem2"sv, "d2v "sv, "tap\0"sv, "CTXS"sv}) {
        expect_disk(pass(fixed_of(creator, 20, 4)), DiskFormat::vhd, Bytes::mebibytes(1));
    }
    expect_refused(fixed_of("vpc ", 0, 4), "virtual size is 0");
    expect_refused(fixed_of("vpc ", 65535, 16), "the file holds");
}

TEST(vhd_gate, refuses_what_is_damaged_or_cut_off) {
    std::string bad_sum = make_fixed_vhd(1 << 20);
    bad_sum.back() = 1;
    std::string no_footer = make_dynamic_vhd();
    no_footer.resize(no_footer.size() - 512);
    std::string bad_copy = make_dynamic_vhd();
    bad_copy[200] = 1;
    std::string bad_header = make_dynamic_vhd();
    bad_header[header + 700] = 1;

    expect_refused(bad_sum, "checksum of its footer");
    expect_refused(no_footer, "footer is missing");
    expect_refused(bad_copy, "checksum of its copy of the footer");
    expect_refused(bad_header, "checksum of its dynamic header");
    expect_refused(std::string("conectix"), "ends within its footer");
    expect_refused(make_fixed_vhd(1 << 20).substr(512), "the file holds 1048064");
}

TEST(vhd_gate, knows_each_field_of_the_footer) {
    expect_refused(with_footers<std::uint32_t>(60, 4), "differencing");
    expect_refused(with_footers<std::uint32_t>(60, 0), "disk type 0");
    expect_refused(with_footers<std::uint32_t>(60, 2), "ends as a fixed one");
    expect_refused(with_footers<std::uint32_t>(12, 0x20000), "format version");
    expect_refused(with_footers<std::uint64_t>(48, 0), "virtual size is 0");
    expect_refused(with_footers<std::uint64_t>(48, 1000), "no multiple of 512");
    expect_refused(with_footers<std::uint64_t>(48, ~0ULL), "64 TiB");
    expect_refused(with_footers<std::uint64_t>(48, (2040ULL << 30) + 512), "2040 GiB");
    expect_refused(with_footers<std::uint64_t>(48, (1 << 20) + 512), "too few");
    expect_refused(with_footers<std::uint64_t>(16, 511), "dynamic header at offset 511");
    expect_refused(with_footers<std::uint64_t>(16, ~0ULL), "does not lie in the file");
    expect_refused(with_footers<std::uint64_t>(16, 1024), "cxsparse");
    expect_refused(poked<std::uint64_t>(48, 1 << 19), "differs from the copy");
}

TEST(vhd_gate, knows_each_field_of_the_dynamic_header) {
    expect_refused(poked<std::uint8_t>(header, 'x'), "cxsparse");
    expect_refused(poked<std::uint64_t>(header + 16, 0), "block allocation table");
    expect_refused(poked<std::uint64_t>(header + 16, 1024), "block allocation table");
    expect_refused(poked<std::uint64_t>(header + 16, ~0ULL), "does not lie");
    expect_refused(poked<std::uint32_t>(header + 28, 15), "too few");
    expect_refused(poked<std::uint32_t>(header + 28, 0xffffffff), "32 MiB");
    expect_refused(poked<std::uint32_t>(header + 28, 1 << 20), "does not lie");
    expect_refused(poked<std::uint32_t>(header + 32, 0), "block size");
    expect_refused(poked<std::uint32_t>(header + 32, 256), "block size");
    expect_refused(poked<std::uint32_t>(header + 32, 65537), "block size");
    expect_refused(poked<std::uint8_t>(header + 40, 1), "names a parent");
}

TEST(vhd_gate, refuses_blocks_that_lie_elsewhere_or_twice) {
    expect_refused(poked<std::uint32_t>(table, 0), "block 0 at offset 0");
    expect_refused(poked<std::uint32_t>(table, 2), "over its tables");
    expect_refused(poked<std::uint32_t>(table, 6), "block 0 at offset 3072");
    expect_refused(poked<std::uint32_t>(table, 0xfffffffe), "does not lie");
    expect_refused(poked<std::uint32_t>(table + 4, 4), "some are used twice");
}

}  // namespace

}  // namespace kiln::builder::gate
