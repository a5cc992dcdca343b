#include "tests/hostile_images.hpp"

#include <array>

namespace kiln::tests {

namespace {

using builder::gate::DiskFormat;
using enum Outcome;
using Make = std::function<DiskFile()>;
using Images = std::vector<HostileImage>;
namespace field = qcow2_field;

constexpr std::uint64_t tebibyte = 1ULL << 40;

Make poked32(std::size_t offset, std::uint32_t value) {
    return [=] {
        std::string bytes = make_qcow2();
        put_big_endian(bytes, offset, value);
        return bytes;
    };
}

Make poked64(std::size_t offset, std::uint64_t value) {
    return [=] {
        std::string bytes = make_qcow2();
        put_big_endian(bytes, offset, value);
        return bytes;
    };
}

Make changed(void (*change)(std::string&)) {
    return [=] {
        std::string bytes = make_qcow2();
        change(bytes);
        return bytes;
    };
}

Make cut_off(std::size_t size) {
    return [=] { return make_qcow2().substr(0, size); };
}

Make backed_by(std::string name, std::string format = "raw") {
    return [=] {
        std::string bytes = make_qcow2();
        set_qcow2_backing_file(bytes, name, format);
        return bytes;
    };
}

Make with_data_file(std::string name) {
    return [=] {
        std::string bytes = make_qcow2();
        set_qcow2_data_file(bytes, name);
        return bytes;
    };
}

Make with_text(std::size_t offset, std::string text) {
    return [=] {
        std::string bytes = make_raw(1 << 20);
        put_text(bytes, offset, text);
        return bytes;
    };
}

DiskFile empty_file() {
    return std::string();
}

DiskFile plain_disk() {
    return make_raw(1 << 20);
}

/// The magic number, version 3, and so much of an L1 table as no such file can hold.
DiskFile large_l1_table() {
    std::string bytes = make_qcow2().substr(0, 200 * 1024);
    put_big_endian<std::uint32_t>(bytes, field::l1_entries, (32U << 20) / 8);
    return bytes;
}

DiskFile many_terabytes() {
    return make_qcow2({.size = 2 * tebibyte});
}

void overlap_l1_with_refcounts(std::string& bytes) {
    put_big_endian(bytes, field::l1_offset, Qcow2().refcount_table());
}

void append_headers(Images& images) {
    const auto size = [](std::uint64_t bytes) { return poked64(field::size, bytes); };
    images.insert(
        images.end(),
        {{1, "an empty file", refused, "an empty file", empty_file},
         {2, "cut off after 60 bytes", refused, "ends within its header", cut_off(60)},
         {3, "version 3 cut off after 72 bytes", refused, "ends within its header", cut_off(72)},
         {4, "version 0", refused, "version 0", poked32(field::version, 0)},
         {5, "version 1", refused, "QCOW1", poked32(field::version, 1)},
         {6, "version 4", refused, "version 4", poked32(field::version, 4)},
         {7, "the magic number alone", refused, "ends within its header", cut_off(4)},
         {8, "cluster_bits 0", refused, "cluster_bits 0", poked32(field::cluster_bits, 0)},
         {9, "cluster_bits 8", refused, "cluster_bits 8", poked32(field::cluster_bits, 8)},
         {10, "cluster_bits 22", refused, "cluster_bits 22", poked32(field::cluster_bits, 22)},
         {11, "cluster_bits 31", refused, "cluster_bits 31", poked32(field::cluster_bits, 31)},
         {12, "cluster_bits 63", refused, "cluster_bits 63", poked32(field::cluster_bits, 63)},
         {13, "size 0", refused, "virtual size is 0", size(0)},
         {14, "size 2^64-1", refused, "L1 table", size(~0ULL)},
         {15, "size 2 PiB", refused, "L1 table", size(1ULL << 51)},
         {15, "size 2 PiB that the L1 table allows", refused, "more than the 64 TiB",
          [] {
              std::string bytes = make_qcow2({.cluster_bits = 21});
              put_big_endian(bytes, field::size, 1ULL << 51);
              put_big_endian<std::uint32_t>(bytes, field::l1_entries, 1 << 12);
              return bytes;
          }},
         {16, "size 1 EiB", refused, "L1 table", size(1ULL << 60)},
         {17, "size above the account's quota", refused, "quota", many_terabytes, std::nullopt,
          Circumstance::over_quota},
         {18, "size no multiple of 512", refused, "no multiple of 512", size((1 << 20) - 1)},
         {19, "no L1 entries", refused, "L1 table has 0", poked32(field::l1_entries, 0)},
         {20, "l1_size 0x7fffffff", refused, "32 MiB", poked32(field::l1_entries, 0x7fffffff)},
         {21, "l1_size 0xffffffff", refused, "32 MiB", poked32(field::l1_entries, 0xffffffff)},
         {22, "an L1 table of 32 MiB in 200 KiB", refused, "past the end", large_l1_table},
         {23, "L1 table at 0", refused, "the L1 table lies on", poked64(field::l1_offset, 0)},
         {24, "L1 table not aligned", refused, "does not begin at a cluster",
          poked64(field::l1_offset, 0x30008)},
         {25, "L1 table past the end", refused, "past the end",
          poked64(field::l1_offset, tebibyte)},
         {25, "L1 table at 2^64-64 KiB", refused, "past the end",
          poked64(field::l1_offset, ~0xffffULL)},
         {26, "L1 table over the refcount table", refused, "used twice",
          changed(overlap_l1_with_refcounts)},
         {27, "refcount table at 0", refused, "the refcount table lies on",
          poked64(field::refcount_table_offset, 0)},
         {28, "refcount table not aligned", refused, "does not begin at a cluster",
          poked64(field::refcount_table_offset, 0x10200)},
         {29, "refcount table of 0xffffffff clusters", refused, "refcount table",
          poked32(field::refcount_table_clusters, 0xffffffff)},
         {30, "refcount_order 7", refused, "refcount_order 7", poked32(field::refcount_order, 7)},
         {31, "refcount_order 63", refused, "refcount_order 63",
          poked32(field::refcount_order, 63)},
         {32, "header_length 0", refused, "header_length 0", poked32(field::header_length, 0)},
         {33, "header_length 103", refused, "header_length 103",
          poked32(field::header_length, 103)},
         {34, "header_length 0xffffffff", refused, "header_length",
          poked32(field::header_length, 0xffffffff)},
         {35, "an unknown feature", refused, "unknown", poked64(field::incompatible, 1ULL << 63)},
         {36, "all features", refused, "unknown", poked64(field::incompatible, ~0ULL)},
         {37, "marked corrupt", refused, "marked corrupt", poked64(field::incompatible, 2)},
         {38, "marked dirty", refused, "qemu-img check -r all", poked64(field::incompatible, 1)},
         {39, "raw external data without a file", refused, "raw external",
          poked64(field::autoclear, 2)}});
}

DiskFile backing_name_in_l1_table() {
    std::string bytes = make_qcow2();
    put_big_endian(bytes, field::backing_offset, Qcow2().l1_table());
    put_big_endian<std::uint32_t>(bytes, field::backing_size, 8);
    return bytes;
}

DiskFile endless_backing_name() {
    std::string bytes = make_qcow2();
    put_big_endian<std::uint64_t>(bytes, field::backing_offset, 512);
    put_big_endian<std::uint32_t>(bytes, field::backing_size, 0xffffffff);
    return bytes;
}

void two_data_files(std::string& bytes) {
    set_qcow2_data_file(bytes, "first");
    set_qcow2_data_file(bytes, "second");
}

void data_file_name_alone(std::string& bytes) {
    set_qcow2_data_file(bytes, "data.raw");
    put_big_endian<std::uint64_t>(bytes, field::incompatible, 0);
}

void endless_extension(std::string& bytes) {
    put_big_endian<std::uint32_t>(bytes, qcow2_header_length, 0x12345678);
    put_big_endian<std::uint32_t>(bytes, qcow2_header_length + 4, 0x7fffffff);
}

void append_references(Images& images) {
    images.insert(
        images.end(),
        {{40, "backed by a file of the host", refused, "'/etc/passwd'", backed_by("/etc/passwd")},
         {41, "backed by a relative name", refused, "backing file",
          backed_by("../../../../etc/passwd")},
         {42, "backed by a symbolic link", refused, "backing file", backed_by("link-to-passwd")},
         {43, "backed by a device", refused, "backing file", backed_by("/dev/sda")},
         {44, "backed by a process's environment", refused, "backing file",
          backed_by("/proc/self/environ")},
         {45, "backed by a json: name", refused, "backing file",
          backed_by(R"(json:{"driver":"file","filename":"/etc/passwd"})")},
         {46, "backed by NBD", refused, "backing file", backed_by("nbd://127.0.0.1:10809/")},
         {47, "backed by the metadata service", refused, "backing file",
          backed_by("http://169.254.169.254/latest/meta-data/")},
         {48, "backed by a directory as FAT", refused, "backing file", backed_by("fat:/etc")},
         {49, "backed by itself", refused, "backing file", backed_by("image.qcow2", "qcow2")},
         {50, "the first of a chain of 300", refused, "backing file",
          backed_by("299.qcow2", "qcow2")},
         {51, "backing name within the L1 table", refused, "backing file",
          backing_name_in_l1_table},
         {52, "backing name of 0xffffffff bytes", refused, "backing file", endless_backing_name},
         {53, "backing format qcow2, base raw", refused, "backing file",
          backed_by("base.raw", "qcow2")},
         {54, "data file of the host", refused, "external data file",
          with_data_file("/etc/././passwd")},
         {55, "data file bit without a name", refused, "external data file",
          poked64(field::incompatible, 1 << 2)},
         {56, "data file name without the bit", refused, "external data file",
          changed(data_file_name_alone)},
         {57, "data file with a json: name", refused, "external data file",
          with_data_file(R"(json:{"driver":"file","filename":"/etc/passwd"})")},
         {58, "two data files", refused, "external data file", changed(two_data_files)},
         {59, "an unknown extension of 0x7fffffff bytes", refused, "does not fit",
          changed(endless_extension)}});
}

void many_snapshots(std::string& bytes) {
    add_qcow2_snapshots(bytes, 65536, Qcow2().l1_table());
}

void stray_snapshot(std::string& bytes) {
    add_qcow2_snapshots(bytes, 1, tebibyte);
}

void add_bitmaps(std::string& bytes, std::uint32_t count, std::uint64_t directory) {
    std::string content;
    put_big_endian(content, 0, count);
    put_big_endian<std::uint32_t>(content, 4, 0);
    put_big_endian<std::uint64_t>(content, 8, 24ULL * count);
    put_big_endian(content, 16, directory);
    add_qcow2_extension(bytes, 0x23852875, content);
    put_big_endian<std::uint64_t>(bytes, field::autoclear, 1);
}

void many_bitmaps(std::string& bytes) {
    add_bitmaps(bytes, 65535, bytes.size());
    bytes.resize(bytes.size() + 65535 * 24);
}

void stray_bitmaps(std::string& bytes) {
    add_bitmaps(bytes, 1, tebibyte);
}

void data_on_header(std::string& bytes) {
    put_big_endian(bytes, Qcow2().l2_table(), qcow2_copied | 0);
    put_big_endian(bytes, Qcow2().l1_table(), qcow2_copied | Qcow2().refcount_table());
}

void data_on_refcounts(std::string& bytes) {
    put_big_endian(bytes, Qcow2().l2_table(), qcow2_copied | Qcow2().refcount_table());
}

void use_zstandard(std::string& bytes) {
    put_big_endian<std::uint64_t>(bytes, field::incompatible, 1 << 3);
    bytes[field::compression_type] = 1;
}

void append_contents(Images& images) {
    images.insert(
        images.end(),
        {{60, "65,536 snapshots", refused, "65536 snapshots", changed(many_snapshots)},
         {61, "0xffffffff snapshots", refused, "4294967295 snapshots",
          poked32(field::snapshots, 0xffffffff)},
         {62, "a snapshot whose L1 table is elsewhere", refused, "past the end",
          changed(stray_snapshot)},
         {63, "65,535 bitmaps", refused, "65535 bitmaps", changed(many_bitmaps)},
         {63, "bitmaps past the end", refused, "directory of bitmaps", changed(stray_bitmaps)},
         {64, "1 TiB of one cluster", refused, "used twice", make_aliasing_bomb},
         {65, "128 MiB of one compressed cluster", normalized, "", make_compressed_bomb},
         {66, "an L2 table on the refcount table", refused, "used twice", changed(data_on_header)},
         {66, "data on the refcount table", refused, "used twice", changed(data_on_refcounts)},
         {67, "encrypted with AES", refused, "encrypted with AES", poked32(field::crypt_method, 1)},
         {67, "encrypted with LUKS", refused, "encrypted with LUKS",
          poked32(field::crypt_method, 2)},
         {67, "encrypted with something unknown", refused, "crypt_method is 9",
          poked32(field::crypt_method, 9)},
         {67, "a bare LUKS volume", refused, "LUKS", with_text(0, "LUKS\xba\xbe")},
         {68, "extended L2 entries", normalized, "",
          [] { return make_qcow2({.has_extended_l2 = true}); }},
         {69, "compressed with Zstandard", accepted, "", changed(use_zstandard)}});
}

DiskFile iso_and_qcow2() {
    std::string bytes = make_qcow2();
    put_text(bytes, 0x8001, "CD001");
    return bytes;
}

/// Names a file of the host as its data: all the disk is this text.
DiskFile flat_vmdk() {
    return vmdk_descriptor("monolithicFlat", "RW 8 FLAT \"/etc/passwd\" 0");
}

DiskFile embedded_descriptor(std::string_view create_type, std::string_view extent,
                             std::string_view more = "") {
    return make_vmdk(VmdkKind::monolithic_sparse, vmdk_descriptor(create_type, extent, more));
}

DiskFile vmdk_with_other_footer() {
    std::string bytes = make_vmdk(VmdkKind::stream_optimized);
    put_little_endian<std::uint64_t>(bytes, bytes.size() - 1024 + 12, 4096);
    return bytes;
}

DiskFile vmdk_of_descriptor_alone() {
    std::string bytes = make_vmdk(VmdkKind::monolithic_sparse);
    put_little_endian<std::uint64_t>(bytes, 12, 0);
    return bytes;
}

DiskFile differencing_vhd() {
    std::string bytes = make_dynamic_vhd();
    put_big_endian<std::uint32_t>(bytes, 60, 4);
    put_big_endian<std::uint32_t>(bytes, bytes.size() - 512 + 60, 4);
    seal_vhd(bytes);
    return bytes;
}

DiskFile vhd_of_many_entries() {
    std::string bytes = make_dynamic_vhd();
    put_big_endian<std::uint32_t>(bytes, 512 + 28, 0xffffffff);
    seal_vhd(bytes);
    return bytes;
}

DiskFile vhdx_of_many_regions() {
    std::string bytes = make_vhdx();
    for (const std::size_t table : vhdx_place::region_tables) {
        put_little_endian<std::uint32_t>(bytes, table + 8, 2048);
    }
    seal_vhdx(bytes);
    return bytes;
}

/// Its only file claims to be far larger than the archive.
DiskFile tar_bomb() {
    std::string bytes = make_tar({{"disk.qcow2", make_qcow2()}});
    put_text(bytes, 124, "77777777777");
    seal_tar_header(bytes, 0);
    return bytes;
}

void append_others(Images& images) {
    images.insert(
        images.end(),
        {{70, "raw with a qcow2 header, declared raw", refused, "declared raw",
          backed_by("/etc/passwd"), DiskFormat::raw},
         {70, "raw with a qcow2 header, undeclared", refused, "backing file",
          backed_by("/etc/passwd")},
         {71, "ISO 9660 and qcow2", refused, "more than one format", iso_and_qcow2},
         {72, "a flat VMDK", refused, "VMDK descriptor", flat_vmdk},
         {72, "a VMDK of type flat in a sparse one", refused, "createType",
          [] { return embedded_descriptor("monolithicFlat", "RW 8 FLAT \"/etc/passwd\" 0"); }},
         {72, "a VMDK with a flat extent", refused, "not SPARSE",
          [] { return embedded_descriptor("monolithicSparse", "RW 8 FLAT \"/etc/passwd\" 0"); }},
         {72, "a VMDK with a path", refused, "names something else",
          [] { return embedded_descriptor("monolithicSparse", "RW 2048 SPARSE \"/etc/passwd\""); }},
         {72, "a VMDK with a parent", refused, "parentFileNameHint",
          [] {
              return embedded_descriptor("monolithicSparse", "RW 2048 SPARSE \"disk.vmdk\"",
                                         "parentFileNameHint=\"/etc/passwd\"");
          }},
         {72, "a VMDK of no capacity, whose descriptor counts", refused, "capacity is 0",
          vmdk_of_descriptor_alone},
         {72, "a VMDK with another footer", refused, "footer contradicts", vmdk_with_other_footer},
         {72, "a differencing VHD", refused, "differencing", differencing_vhd},
         {72, "a VHD of 0xffffffff blocks", refused, "block allocation table", vhd_of_many_entries},
         {72, "a VHDX of 2,048 regions", refused, "2048 entries", vhdx_of_many_regions},
         {72, "QED", refused, "QED", with_text(0, std::string("QED\0", 4))},
         {72, "VDI", refused, "VDI", with_text(64, "\x7f\x10\xda\xbe")},
         {72, "gzip", refused, "gunzip FILE", with_text(0, "\x1f\x8b\x08")},
         {72, "zip", refused, "unzip FILE", with_text(0, "PK\3\4")},
         {72, "a tar archive", refused, "tar -xf",
          [] {
              return make_tar({{"disk.qcow2", make_qcow2()}});
          }},
         {72, "a tar bomb", refused, "does not end within the file", tar_bomb},
         {72, "a sparse raw file of 8 EiB", refused, "more than the 64 TiB",
          [] { return DiskFile("", (1ULL << 63) - 512); }}});
}

void append_circumstances(Images& images) {
    using enum Circumstance;
    struct Row {
        const char* name;
        const char* words;
        Circumstance circumstance;
    };
    constexpr std::array rows{
        Row{"a FIFO", "a FIFO", fifo},
        Row{"a socket", "a socket", socket},
        Row{"a device", "a device", device},
        Row{"a directory", "a directory", directory},
        Row{"a file that changes during the import", "", changes_during_import},
        Row{"a hard link to another account's image", "", hard_link},
        Row{"an upload shorter than declared", "", shorter_than_declared},
        Row{"a wrong SHA-256", "", wrong_sha256},
    };
    for (const Row& row : rows) {
        images.push_back(
            {72, row.name, refused, row.words, plain_disk, std::nullopt, row.circumstance});
    }
}

}  // namespace

const std::vector<HostileImage>& hostile_images() {
    static const Images images = [] {
        Images all;
        append_headers(all);
        append_references(all);
        append_contents(all);
        append_others(all);
        append_circumstances(all);
        return all;
    }();
    return images;
}

}  // namespace kiln::tests
