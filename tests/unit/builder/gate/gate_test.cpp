#include "builder/import/gate/gate.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <limits>

#include "base/fd.hpp"
#include "builder/import/gate/arithmetic.hpp"
#include "builder/import/gate/crc32c.hpp"
#include "builder/import/gate/refusal.hpp"
#include "tests/unit/builder/gate/gate_checks.hpp"

namespace kiln::builder::gate {

namespace {

using tests::make_qcow2;
using tests::make_raw;
using tests::put_text;

void expect_no_file(const Fd& fd, const std::string& words) {
    ASSERT_TRUE(fd);
    try {
        inspect(fd.get(), std::nullopt);
        ADD_FAILURE() << words << " passed";
    } catch (const Error& error) {
        EXPECT_NE(error.message().find(words), std::string::npos) << error.message();
    }
}

Fd file_with(std::string_view content) {
    Fd fd(::memfd_create("disk", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    return fd;
}

TEST(gate, knows_its_formats_by_the_words_of_ec2) {
    EXPECT_EQ(parse_disk_format("VMDK"), DiskFormat::vmdk);
    EXPECT_EQ(parse_disk_format("vhd"), DiskFormat::vhd);
    EXPECT_EQ(parse_disk_format("Raw"), DiskFormat::raw);
    EXPECT_EQ(parse_disk_format("qcow2"), DiskFormat::qcow2);
    EXPECT_EQ(parse_disk_format("vhdx"), DiskFormat::vhdx);
    EXPECT_EQ(parse_disk_format("OVA"), DiskFormat::ova);
    EXPECT_EQ(parse_disk_format("iso"), std::nullopt);
    EXPECT_EQ(parse_disk_format("vhdxx"), std::nullopt);
    EXPECT_EQ(parse_disk_format(""), std::nullopt);
}

TEST(gate, reads_a_file_through_its_descriptor_wherever_its_position_is) {
    const Fd fd = file_with(make_qcow2());

    const InspectedFile file = inspect(fd.get(), std::nullopt);

    EXPECT_EQ(::lseek(fd.get(), 0, SEEK_CUR), static_cast<off_t>(make_qcow2().size()));
    EXPECT_EQ(file.format, DiskFormat::qcow2);
    EXPECT_EQ(file.disks.at(0).offset, Bytes{0});
    EXPECT_EQ(file.disks.at(0).length, Bytes{make_qcow2().size()});
}

TEST(gate, refuses_what_is_no_regular_file) {
    int pipe_ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
    const Fd pipe_reader(pipe_ends[0]);
    const Fd pipe_writer(pipe_ends[1]);

    expect_no_file(pipe_reader, "a FIFO");
    expect_no_file(Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), "a socket");
    expect_no_file(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), "a device");
    expect_no_file(Fd(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), "a directory");
}

TEST(gate, refuses_a_sparse_file_of_8_eib) {
    const Fd fd(::memfd_create("disk", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(fd.get(), std::numeric_limits<off_t>::max() - 511), 0);

    expect_no_file(fd, "64 TiB");
}

TEST(gate, says_that_it_cannot_read) {
    try {
        inspect(-1, std::nullopt);
        FAIL() << "there is no such descriptor";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), error_code::internal_error);
    }
}

TEST(gate, takes_a_file_without_signature_for_a_raw_disk) {
    expect_disk(pass(make_raw(1 << 20)), DiskFormat::raw, Bytes::mebibytes(1));
    expect_disk(pass(make_raw(512), DiskFormat::raw), DiskFormat::raw, Bytes{512});
    expect_disk(pass({"", 1ULL << 40}), DiskFormat::raw, Bytes{1ULL << 40});
}

TEST(gate, says_how_to_fill_the_last_sector_of_a_raw_disk) {
    expect_refused(make_raw(1000), "truncate -s %512 FILE");
    expect_refused(make_raw(1), "truncate -s %512 FILE", DiskFormat::raw);
}

TEST(gate, refuses_a_file_that_is_not_what_it_is_declared) {
    expect_refused(make_raw(1 << 20), "it is declared qcow2, but is raw", DiskFormat::qcow2);
    expect_refused(make_qcow2(), "it is declared vmdk, but is qcow2", DiskFormat::vmdk);
    expect_refused(make_qcow2(), "it is declared raw", DiskFormat::raw);
    expect_refused(tests::make_ova(), "it is declared vmdk, but is ova", DiskFormat::vmdk);
    expect_disk(pass(make_qcow2(), DiskFormat::qcow2), DiskFormat::qcow2, Bytes::mebibytes(1));
}

TEST(gate, takes_an_iso_9660_for_a_disk_only_when_told) {
    std::string bytes = make_raw(1 << 20);
    put_text(bytes, 0x8001, "CD001");

    expect_refused(bytes, "import it as raw");
    expect_disk(pass(bytes, DiskFormat::raw), DiskFormat::raw, Bytes::mebibytes(1));
}

TEST(gate, says_how_to_unpack_what_is_packed) {
    struct Row {
        std::string signature;
        const char* words;
    };
    const std::array rows{
        Row{"\x1f\x8b\x08", "gunzip FILE"},
        Row{"PK\3\4", "unzip FILE"},
        Row{{"\xfd"
             "7zXZ\0",
             6},
            "unxz FILE"},
        Row{"\x28\xb5\x2f\xfd", "unzstd FILE"},
        Row{"BZh", "bunzip2 FILE"},
        Row{"7z\xbc\xaf\x27\x1c", "7z x FILE"},
        Row{"\x04\x22\x4d\x18", "unlz4 FILE"},
        Row{"Rar!\x1a\x07", "unrar x FILE"},
    };
    for (const Row& row : rows) {
        std::string bytes = make_raw(4096);
        put_text(bytes, 0, row.signature);
        expect_refused(bytes, row.words);
        expect_refused(bytes, row.words, DiskFormat::raw);
    }
}

TEST(gate, names_formats_that_it_does_not_import) {
    struct Row {
        std::size_t offset;
        std::string signature;
        const char* words;
    };
    const std::array rows{
        Row{0, "QFI\xfb" + std::string("\0\0\0\1", 4), "QCOW1"},
        Row{0, "COWD", "vmfsSparse"},
        Row{0, {"QED\0", 4}, "QED"},
        Row{64, "\x7f\x10\xda\xbe", "VDI"},
        Row{0, "LUKS\xba\xbe", "LUKS"},
        Row{0, "SKUL\xba\xbe", "LUKS"},
        Row{0, "WithoutFreeSpace", "Parallels"},
        Row{0, "WithouFreSpacExt", "Parallels"},
        Row{0, "Bochs Virtual HD Image", "Bochs"},
        Row{0, "#!/bin/sh\n#V2.0 Format\n", "cloop"},
        Row{4096 - 512, "koly", "DMG"},
        Row{0, "# Disk DescriptorFile\n", "VMDK descriptor"},
        Row{0, "# a comment\n\n  \r\nversion=1\n", "VMDK descriptor"},
    };
    for (const Row& row : rows) {
        std::string bytes = make_raw(4096);
        put_text(bytes, row.offset, row.signature);
        expect_refused(bytes, row.words);
        expect_refused(bytes, row.words, DiskFormat::raw);
    }
}

TEST(gate, refuses_two_signatures_in_one_file) {
    std::string head_and_tail = make_qcow2() + tests::make_fixed_vhd(512).substr(512);
    std::string archive_and_disk = make_qcow2();
    put_text(archive_and_disk, 257, "ustar");

    expect_refused(head_and_tail, "qcow2 and vhd");
    expect_refused(archive_and_disk, "qcow2 and ova");
    expect_refused(archive_and_disk, "qcow2 and ova", DiskFormat::qcow2);
}

TEST(gate, shows_nothing_that_could_harm_a_terminal) {
    EXPECT_EQ(in_quotes("a\x1b[31m\n\xff"),
              "'a?[31m?"
              "?'");
    EXPECT_EQ(in_quotes(std::string(100, 'x')), "'" + std::string(80, 'x') + "...'");
}

TEST(gate, computes_without_wrapping_around) {
    EXPECT_EQ(add(too_large - 1, 1), too_large);
    EXPECT_EQ(add(too_large, 2), too_large);
    EXPECT_EQ(multiply(1ULL << 63, 2), too_large);
    EXPECT_EQ(multiply(too_large, 0), 0);
    EXPECT_EQ(multiply(3, 5), 15);
    EXPECT_EQ(divide_up(too_large, 2), 1ULL << 63);
    EXPECT_EQ(round_up(513, 512), 1024);
    EXPECT_EQ(round_up(too_large, 512), too_large);
    EXPECT_FALSE((Range{too_large, 1}.is_within(100)));
    EXPECT_FALSE((Range{1, too_large}.is_within(100)));
    EXPECT_TRUE((Range{100, 0}.is_within(100)));
    EXPECT_FALSE((Range{99, 2}.is_within(100)));
    EXPECT_TRUE((Range{0, 2}.overlaps({1, 1})));
    EXPECT_FALSE((Range{0, 1}.overlaps({1, 1})));
}

TEST(gate, sums_as_rfc_3720_says) {
    EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283);
    EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8a9136aa);
    EXPECT_EQ(crc32c(crc32c(0, "1234"), "56789"), 0xe3069283);
    EXPECT_EQ(crc32c(0, ""), 0);
}

}  // namespace

}  // namespace kiln::builder::gate
