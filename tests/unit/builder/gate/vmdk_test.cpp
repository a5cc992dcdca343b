#include "builder/import/gate/vmdk.hpp"

#include <array>

#include "tests/unit/builder/gate/gate_checks.hpp"

namespace kiln::builder::gate {

namespace {

using namespace tests;
using enum VmdkKind;

constexpr std::size_t sector = 512;
constexpr const char* extent = "RW 2048 SPARSE \"disk.vmdk\"";

template <std::unsigned_integral Number>
std::string poked(VmdkKind kind, std::size_t offset, Number value) {
    std::string bytes = make_vmdk(kind);
    put_little_endian(bytes, offset, value);
    return bytes;
}

template <std::unsigned_integral Number>
std::string poked_footer(std::size_t offset, Number value) {
    const std::size_t footer = make_vmdk(stream_optimized).size() - 2 * sector;
    return poked(stream_optimized, footer + offset, value);
}

std::string described(const std::string& descriptor) {
    return make_vmdk(monolithic_sparse, descriptor);
}

TEST(vmdk_gate, accepts_both_kinds_of_one_file) {
    expect_disk(pass(make_vmdk(monolithic_sparse)), DiskFormat::vmdk, Bytes::mebibytes(1));
    expect_disk(pass(make_vmdk(stream_optimized)), DiskFormat::vmdk, Bytes::mebibytes(1));
}

TEST(vmdk_gate, knows_each_field_of_the_header) {
    struct Row {
        std::size_t offset;
        std::uint64_t value;
        const char* words;
    };
    const std::array rows{
        Row{12, 0, "capacity is 0"},
        Row{12, ~0ULL, "capacity"},
        Row{12, (64ULL << 31) + 1, "64 TiB"},
        Row{20, 0, "grain size"},
        Row{20, 100, "grain size"},
        Row{20, 4096, "grain size"},
        Row{28, 2, "at sector 2"},
        Row{36, 0, "is 0 sectors"},
        Row{36, 129, "is 129 sectors"},
        Row{48, 1ULL << 32, "grain directory"},
        Row{48, ~0ULL, "grain directory"},
        Row{56, 0, "grain directory"},
        Row{56, 256, "grain directory"},
        Row{64, 257, "overHead"},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.offset);
        expect_refused(poked(monolithic_sparse, row.offset, row.value), row.words);
    }
    expect_refused(poked<std::uint32_t>(monolithic_sparse, 4, 4), "version 4");
    expect_refused(poked<std::uint32_t>(monolithic_sparse, 44, 1024), "1024 entries");
    expect_refused(poked<std::uint8_t>(monolithic_sparse, 75, '\n'), "sent as text");
    expect_refused(poked<std::uint16_t>(monolithic_sparse, 77, 1), "compression algorithm 1");
    expect_refused(poked<std::uint16_t>(stream_optimized, 77, 0), "compression algorithm 0");
    expect_refused(make_vmdk(monolithic_sparse).substr(0, 1023), "ends within its header");
}

TEST(vmdk_gate, refuses_tables_that_lie_elsewhere) {
    constexpr std::size_t directory = 21 * sector;
    constexpr std::size_t table = 22 * sector;
    expect_refused(poked<std::uint32_t>(monolithic_sparse, directory, 253), "a grain table");
    expect_refused(poked<std::uint32_t>(monolithic_sparse, table, 256), "a grain at offset");
    EXPECT_EQ(refusal_of(poked<std::uint32_t>(monolithic_sparse, table, 1)), "");
    EXPECT_EQ(refusal_of(poked<std::uint32_t>(monolithic_sparse, directory, 0)), "");
}

TEST(vmdk_gate, refuses_grains_for_which_there_is_no_room) {
    std::string bytes = make_vmdk(monolithic_sparse);
    for (std::size_t i = 0; i < 16; ++i) {
        put_little_endian<std::uint32_t>(bytes, 22 * sector + i * 4, 128);
    }
    expect_refused(bytes, "some are used twice");
}

TEST(vmdk_gate, refuses_grain_tables_for_which_there_is_no_room) {
    std::string bytes = make_vmdk(monolithic_sparse,
                                  vmdk_descriptor("monolithicSparse", "RW 33554432 SPARSE \"a\""));
    put_little_endian<std::uint64_t>(bytes, 12, 33554432);
    for (std::size_t i = 0; i < 512; ++i) {
        put_little_endian<std::uint32_t>(bytes, 64 * sector + i * 4, 22);
    }
    put_little_endian<std::uint64_t>(bytes, 48, 64);
    put_little_endian<std::uint64_t>(bytes, 56, 64);
    put_little_endian<std::uint32_t>(bytes, 22 * sector, 0);
    expect_refused(bytes, "grain tables, for which the file has no room");
}

TEST(vmdk_gate, knows_each_field_of_the_footer) {
    expect_refused(poked_footer<std::uint8_t>(0, 'X'), "does not end with a footer");
    expect_refused(poked_footer<std::uint32_t>(4, 1), "footer contradicts");
    expect_refused(poked_footer<std::uint32_t>(8, 0x30003), "footer contradicts");
    expect_refused(poked_footer<std::uint64_t>(12, 4096), "footer contradicts");
    expect_refused(poked_footer<std::uint64_t>(20, 64), "footer contradicts");
    expect_refused(poked_footer<std::uint32_t>(44, 256), "footer contradicts");
    expect_refused(poked_footer<std::uint64_t>(56, ~0ULL), "footer contradicts");
    expect_refused(poked_footer<std::uint16_t>(77, 0), "footer contradicts");
    expect_refused(poked_footer<std::uint64_t>(56, 1 << 20), "grain directory");
    expect_refused(make_vmdk(stream_optimized) + std::string(512, '\0'),
                   "does not end with a footer");
    const std::string whole = make_vmdk(stream_optimized);
    expect_refused(whole.substr(0, whole.size() - 512), "does not end with a footer");
}

TEST(vmdk_gate, knows_each_line_of_the_descriptor) {
    const auto with = [](const char* kind, const std::string& extents, const char* more = "") {
        return described(vmdk_descriptor(kind, extents, more));
    };
    const std::string two = std::string(extent) + "\n" + extent;
    expect_refused(with("streamOptimized", extent), "createType");
    expect_refused(with("monolithicFlat", extent), "createType");
    expect_refused(with("vmfs", extent), "createType");
    expect_refused(with("monolithicSparse", ""), "0 extents");
    expect_refused(with("monolithicSparse", two), "2 extents");
    expect_refused(with("monolithicSparse", "RW 8 FLAT \"a\" 0"), "not SPARSE");
    expect_refused(with("monolithicSparse", "RW 8 VMFS \"a\""), "not SPARSE");
    expect_refused(with("monolithicSparse", "RW x SPARSE \"a\""), "cannot be read");
    expect_refused(with("monolithicSparse", "RW -1 SPARSE \"a\""), "cannot be read");
    expect_refused(with("monolithicSparse", "RW 2049 SPARSE \"a\""), "has 2049 sectors");
    expect_refused(with("monolithicSparse", "RW 1920 SPARSE \"a\""), "has 1920 sectors");
    EXPECT_EQ(refusal_of(with("monolithicSparse", "RW 1921 SPARSE \"a\"")), "");
    for (const char* name : {"/etc/passwd", "../a", "C:a", "a\\b", ""}) {
        const std::string line = std::string("RW 2048 SPARSE \"") + name + "\"";
        expect_refused(with("monolithicSparse", line), "names something else");
    }
    expect_refused(with("monolithicSparse", "RW 2048 SPARSE a"), "names something else");
    expect_refused(with("monolithicSparse", extent, "parentFileNameHint=\"a\""), "parent");
    expect_refused(with("monolithicSparse", extent, "PARENTFILENAMEHINT=\"a\""), "parent");
    expect_refused(with("monolithicSparse", extent, "ParentCID=01234567"), "says twice");
    expect_refused(with("monolithicSparse", extent, "what is this"), "no comment, value or extent");
}

TEST(vmdk_gate, refuses_a_descriptor_that_is_not_what_it_should_be) {
    std::string parent = vmdk_descriptor("monolithicSparse", extent);
    parent.replace(parent.find("ffffffff"), 8, "01234567");
    std::string version = vmdk_descriptor("monolithicSparse", extent);
    version.replace(version.find("version=1"), 9, "version=2");
    std::string endless = vmdk_descriptor("monolithicSparse", extent);
    endless.resize(20 * sector, ' ');
    std::string hidden = vmdk_descriptor("monolithicSparse", extent);
    hidden.resize(hidden.size() + 1);

    expect_refused(described(parent), "parentCID");
    expect_refused(described(version), "version 1");
    expect_refused(described(endless), "does not end");
    expect_refused(described(hidden + "RW 8 FLAT \"/etc/passwd\" 0"), "after its end");
    expect_refused(described(""), "version 1");
}

TEST(vmdk_gate, looks_for_a_parent_wherever_qemu_does) {
    std::string bytes = make_vmdk(monolithic_sparse);
    put_little_endian<std::uint64_t>(bytes, 36, 2);
    put_text(bytes, 10 * sector, "parentFileNameHint=\"/etc/passwd\"");
    expect_refused(bytes, "parentFileNameHint");
}

}  // namespace

}  // namespace kiln::builder::gate
