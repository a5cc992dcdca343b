#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::tests {

/// A file to be: its bytes, and zeros behind them up to its size.
struct DiskFile {
    DiskFile(std::string content) : bytes(std::move(content)), size(bytes.size()) {}
    DiskFile(std::string content, std::uint64_t whole_size)
        : bytes(std::move(content)), size(whole_size) {}

    std::string bytes;
    std::uint64_t size;  // as many as bytes at least
};

/// Writes it with a hole for the zeros.
void write_disk_file(const DiskFile& file, const std::filesystem::path& path);

/// Numbers as they stand in headers. The bytes grow when the number lies behind them.
template <std::unsigned_integral Number>
void put_big_endian(std::string& bytes, std::size_t offset, Number value) {
    if (bytes.size() < offset + sizeof(Number)) bytes.resize(offset + sizeof(Number));
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        bytes[offset + sizeof(Number) - 1 - i] = static_cast<char>(value >> (8 * i) & 0xff);
    }
}
template <std::unsigned_integral Number>
void put_little_endian(std::string& bytes, std::size_t offset, Number value) {
    if (bytes.size() < offset + sizeof(Number)) bytes.resize(offset + sizeof(Number));
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        bytes[offset + i] = static_cast<char>(value >> (8 * i) & 0xff);
    }
}
void put_text(std::string& bytes, std::size_t offset, std::string_view text);

/// A disk as it is: without any signature.
std::string make_raw(std::uint64_t size);

/// Where the fields of a qcow2 header stand.
namespace qcow2_field {
inline constexpr std::size_t version = 4;
inline constexpr std::size_t backing_offset = 8;
inline constexpr std::size_t backing_size = 16;
inline constexpr std::size_t cluster_bits = 20;
inline constexpr std::size_t size = 24;
inline constexpr std::size_t crypt_method = 32;
inline constexpr std::size_t l1_entries = 36;
inline constexpr std::size_t l1_offset = 40;
inline constexpr std::size_t refcount_table_offset = 48;
inline constexpr std::size_t refcount_table_clusters = 56;
inline constexpr std::size_t snapshots = 60;
inline constexpr std::size_t snapshots_offset = 64;
inline constexpr std::size_t incompatible = 72;
inline constexpr std::size_t autoclear = 88;
inline constexpr std::size_t refcount_order = 96;
inline constexpr std::size_t header_length = 100;
inline constexpr std::size_t compression_type = 104;
}  // namespace qcow2_field

/// An image of six clusters, which `qemu-img check` finds whole: the header, the refcount table,
/// its block, the L1 table, an L2 table, and one cluster of data at the beginning of the disk.
struct Qcow2 {
    std::uint32_t version = 3;
    std::uint32_t cluster_bits = 16;
    std::uint64_t size = 1 << 20;  // so much that the L1 table fits into its cluster
    bool has_extended_l2 = false;

    std::uint64_t cluster(std::uint64_t number) const { return number << cluster_bits; }
    std::uint64_t refcount_table() const { return cluster(1); }
    std::uint64_t l1_table() const { return cluster(3); }
    std::uint64_t l2_table() const { return cluster(4); }
    std::uint64_t data() const { return cluster(5); }
    std::uint64_t end() const { return cluster(6); }
    std::uint64_t l1_entries() const;
};
inline constexpr std::uint64_t qcow2_copied = 1ULL << 63;
inline constexpr std::uint64_t qcow2_compressed = 1ULL << 62;
inline constexpr std::uint32_t qcow2_header_length = 112;

std::string make_qcow2(const Qcow2& image = {});
/// Adds an extension behind those that the header of an image of version 3 has.
void add_qcow2_extension(std::string& bytes, std::uint32_t type, std::string_view content);
void set_qcow2_backing_file(std::string& bytes, std::string_view name, std::string_view format);
/// Names the file with the data, and says so in the features.
void set_qcow2_data_file(std::string& bytes, std::string_view name);
/// Appends a table of snapshots, of which each has an L1 table of one cluster's size at
/// `l1_offset`.
void add_qcow2_snapshots(std::string& bytes, std::uint32_t count, std::uint64_t l1_offset);
/// 393,216 bytes that are a disk of 1 TiB, all of which reads as the same cluster.
std::string make_aliasing_bomb();
/// All of an L2 table names the same compressed cluster of zeros.
std::string make_compressed_bomb();

enum class VmdkKind { monolithic_sparse, stream_optimized };
/// A disk of 1 MiB; the sparse one holds its first grain.
std::string make_vmdk(VmdkKind kind);
/// The same with another descriptor.
std::string make_vmdk(VmdkKind kind, std::string_view descriptor);
std::string vmdk_descriptor(std::string_view create_type, std::string_view extent,
                            std::string_view more = "");

/// A footer behind the data.
std::string make_fixed_vhd(std::uint64_t size);
/// A disk of 1 MiB in blocks of 64 KiB, of which the file holds the first.
std::string make_dynamic_vhd();
/// Computes the checksums anew: of the footers, and of the dynamic header.
void seal_vhd(std::string& bytes);

/// A disk of 8 MiB in blocks of 1 MiB, of which the file holds the first.
std::string make_vhdx();
/// Computes the checksums of headers and region tables anew.
void seal_vhdx(std::string& bytes);
namespace vhdx_place {
inline constexpr std::size_t headers[] = {64 * 1024, 128 * 1024};
inline constexpr std::size_t region_tables[] = {192 * 1024, 256 * 1024};
inline constexpr std::size_t log = 1 << 20;
inline constexpr std::size_t metadata = 2 << 20;
inline constexpr std::size_t allocation_table = 3 << 20;
inline constexpr std::size_t data = 4 << 20;
}  // namespace vhdx_place

struct ArchivedFile {
    std::string name;
    std::string content;
    char type = '0';
};
std::string make_tar(const std::vector<ArchivedFile>& files);
/// Computes the checksum of the tar header at `offset` anew.
void seal_tar_header(std::string& bytes, std::size_t offset);
/// The descriptor of a machine with these files as its disks.
std::string make_ovf(const std::vector<std::string>& disks);
/// An OVF, a streamOptimized VMDK and a manifest.
std::string make_ova();

}  // namespace kiln::tests
