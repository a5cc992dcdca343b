#include "builder/import/gate/ova.hpp"

#include <array>

#include "tests/unit/builder/gate/gate_checks.hpp"

namespace kiln::builder::gate {

namespace {

using namespace tests;

std::string archive_of(const std::string& ovf) {
    return make_tar({{"machine.ovf", ovf}, {"disk.vmdk", make_vmdk(VmdkKind::stream_optimized)}});
}

std::string archive_with(const ArchivedFile& more) {
    return make_tar({{"machine.ovf", make_ovf({"disk.vmdk"})},
                     {"disk.vmdk", make_vmdk(VmdkKind::stream_optimized)},
                     more});
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    return text.replace(text.find(from), from.size(), to);
}

/// A change of the first entry's header.
std::string poked(std::size_t offset, std::string_view text) {
    std::string bytes = make_ova();
    put_text(bytes, offset, text);
    seal_tar_header(bytes, 0);
    return bytes;
}

TEST(ova_gate, finds_its_disk) {
    const std::string bytes = make_ova();

    const InspectedFile file = inspect(MemoryBytes(DiskFile(bytes)), DiskFormat::ova);

    EXPECT_EQ(file.format, DiskFormat::ova);
    ASSERT_EQ(file.disks.size(), 1);
    expect_disk(file.disks[0], DiskFormat::vmdk, Bytes::mebibytes(1));
    const std::string disk = make_vmdk(VmdkKind::stream_optimized);
    EXPECT_EQ(bytes.substr(file.disks[0].offset.value, file.disks[0].length.value), disk);
}

TEST(ova_gate, finds_disks_of_every_kind_in_the_order_of_its_ovf) {
    const std::string bytes = make_tar({{"machine.ovf", make_ovf({"b.vhd", "a.qcow2", "c.img"})},
                                        {"a.qcow2", make_qcow2()},
                                        {"b.vhd", make_fixed_vhd(2 << 20)},
                                        {"c.img", make_raw(512)}});

    const InspectedFile file = inspect(MemoryBytes(DiskFile(bytes)), std::nullopt);

    ASSERT_EQ(file.disks.size(), 3);
    expect_disk(file.disks[0], DiskFormat::vhd, Bytes::mebibytes(2));
    expect_disk(file.disks[1], DiskFormat::qcow2, Bytes::mebibytes(1));
    expect_disk(file.disks[2], DiskFormat::raw, Bytes{512});
}

TEST(ova_gate, refuses_disks_that_would_be_refused_alone) {
    std::string backed = make_qcow2();
    set_qcow2_backing_file(backed, "/etc/passwd", "raw");
    const auto with = [](const std::string& disk) {
        return make_tar({{"machine.ovf", make_ovf({"disk"})}, {"disk", disk}});
    };
    expect_refused(with(backed), "in the OVA, disk 'disk': ");
    expect_refused(with(backed), "backing file");
    expect_refused(with("\x1f\x8b\x08"), "gunzip");
    expect_refused(with(make_ova()), "an archive cannot be a disk");
    expect_refused(with(""), "an empty file");
}

TEST(ova_gate, refuses_more_than_plain_files_side_by_side) {
    for (const char type : {'1', '2', '3', '4', '5', '6', '7', 'L', 'K', 'S', 'x', 'g', 'V'}) {
        expect_refused(archive_with({"more", "", type}), "no plain file");
    }
    for (const char* name : {"../more", "/more", "a/more", "..", ".", "", "a\\b", "a\nb"}) {
        expect_refused(archive_with({name, ""}), "no proper one");
    }
    expect_refused(archive_with({"disk.vmdk", ""}), "stands twice");
    expect_refused(archive_with({"stray", ""}), "is none that its OVF refers to");
    EXPECT_EQ(refusal_of(archive_with({"machine.cert", "a certificate"})), "");
}

TEST(ova_gate, knows_each_field_of_a_tar_header) {
    using namespace std::string_view_literals;
    std::string bad_sum = make_ova();
    bad_sum[10] = 'x';
    expect_refused(bad_sum, "wrong checksum");
    expect_refused(poked(257,
                         "ustar\0"
                         "99"sv),
                   "not of the format ustar");
    expect_refused(poked(345, "a"), "no proper one");
    expect_refused(poked(124, "77777777777"), "does not end within the file");
    expect_refused(poked(124, "0000000000x"), "does not end within the file");
    expect_refused(poked(124, "           \0"sv), "does not end within the file");
    expect_refused(poked(124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"sv),
                   "does not end");
    expect_refused(poked(124, "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"sv), "does not end");
    EXPECT_EQ(refusal_of(poked(257, "ustar  \0"sv)), "") << "of GNU tar";
    EXPECT_EQ(refusal_of(poked(156, "\0"sv)), "") << "of an old tar";
}

TEST(ova_gate, reads_sizes_that_are_binary_numbers) {
    std::string bytes = make_ova();
    const std::size_t size = make_ovf({"disk.vmdk"}).size();
    put_big_endian<std::uint64_t>(bytes, 124, 1ULL << 63);
    put_big_endian<std::uint64_t>(bytes, 128, size);
    seal_tar_header(bytes, 0);
    EXPECT_EQ(refusal_of(bytes), "");
}

TEST(ova_gate, refuses_what_follows_the_end) {
    expect_refused(make_ova() + "x", "something follows");
    expect_refused({make_ova(), make_ova().size() + (1 << 20)}, "something follows");
    EXPECT_EQ(refusal_of({make_ova(), make_ova().size() + 10240}), "");
    EXPECT_EQ(refusal_of(make_ova().substr(0, make_ova().size() - 1024)), "");
}

TEST(ova_gate, refuses_too_many_files_and_disks) {
    std::vector<ArchivedFile> many;
    for (int i = 0; i < 65; ++i)
        many.push_back({"file" + std::to_string(i), ""});
    std::vector<std::string> names;
    std::vector<ArchivedFile> disks;
    for (int i = 0; i < 17; ++i) {
        names.push_back("disk" + std::to_string(i));
        disks.push_back({names.back(), make_raw(512)});
    }
    disks.push_back({"machine.ovf", make_ovf(names)});

    expect_refused(make_tar(many), "more than 64 files");
    expect_refused(make_tar(disks), "17 disks");
}

TEST(ova_gate, knows_each_part_of_the_ovf) {
    const std::string ovf = make_ovf({"disk.vmdk"});
    const auto with = [&](std::string_view from, std::string_view to) {
        return archive_of(replaced(ovf, from, to));
    };
    expect_refused(archive_of("<Envelope>"), "no XML");
    expect_refused(archive_of("<Machine/>"), "0 elements Envelope");
    expect_refused(archive_of("<Envelope/>"), "0 elements References");
    expect_refused(with("href=\"disk.vmdk\"", "href=\"/etc/passwd\""), "no file beside it");
    expect_refused(with("href=\"disk.vmdk\"", "href=\"http://a\""), "no file beside it");
    expect_refused(with("href=\"disk.vmdk\"", "href=\"other.vmdk\""), "is none that its OVF");
    expect_refused(with("href=", "compression=\"gzip\" ovf:href="), "is compressed with 'gzip'");
    expect_refused(with("href=", "chunkSize=\"1\" ovf:href="), "in pieces");
    expect_refused(with("fileRef=\"file0\"", "fileRef=\"file1\""), "has no file");
    expect_refused(with("ovf:fileRef=\"file0\"", ""), "has no file");
    expect_refused(with("diskId=", "parentRef=\"disk1\" ovf:diskId="), "stands on another");
    expect_refused(archive_of(make_ovf({})), "no disk");
    expect_refused(make_tar({{"machine.ovf", make_ovf({})}}), "no disk");
    expect_refused(archive_of(make_ovf({"disk.vmdk", "disk.vmdk"})), "have the file");
    expect_refused(archive_of(make_ovf({"disk.vmdk", "gone.vmdk"})), "'gone.vmdk', which is not");
    expect_refused(archive_of(ovf + std::string(1 << 20, ' ')), "more than 1 MiB");
    expect_refused(archive_with({"second.ovf", ovf}), "2 OVFs");
}

TEST(ova_gate, knows_each_line_of_the_manifest) {
    const auto with = [](const std::string& manifest) {
        return archive_with({"machine.mf", manifest});
    };
    const std::string digest(64, 'a');
    EXPECT_EQ(refusal_of(with("SHA256(disk.vmdk)= " + digest + "\r\n")), "");
    EXPECT_EQ(refusal_of(with("SHA1(disk.vmdk)=" + digest.substr(24))), "");
    expect_refused(with("SHA256(gone.vmdk)= " + digest), "names 'gone.vmdk'");
    expect_refused(with("SHA1(disk.vmdk)= " + digest), "has a line that is no");
    expect_refused(with("MD5(disk.vmdk)= " + digest.substr(32)), "has a line that is no");
    expect_refused(with("SHA256(disk.vmdk)= " + std::string(64, 'g')), "has a line that is no");
    expect_refused(with("SHA256 disk.vmdk " + digest), "has a line that is no");
    expect_refused(with("SHA256)disk.vmdk(= " + digest), "has a line that is no");
}

}  // namespace

}  // namespace kiln::builder::gate
