#include <fmt/format.h>

#include "tests/disk_image_makers.hpp"

namespace kiln::tests {

namespace {

constexpr std::size_t sector = 512;
constexpr std::uint64_t capacity = 2048;  // sectors
constexpr std::uint64_t grain = 128;
constexpr std::uint64_t descriptor_sectors = 20;
constexpr std::uint64_t overhead = 128;
constexpr std::uint64_t at_end = ~0ULL;

struct Directories {
    std::uint64_t redundant;
    std::uint64_t used;
};

void put_header(std::string& bytes, std::size_t at, VmdkKind kind, const Directories& directories) {
    const bool is_stream = kind == VmdkKind::stream_optimized;
    put_text(bytes, at, "KDMV");
    put_little_endian<std::uint32_t>(bytes, at + 4, is_stream ? 3 : 1);
    put_little_endian<std::uint32_t>(bytes, at + 8, is_stream ? 0x30001 : 3);
    put_little_endian(bytes, at + 12, capacity);
    put_little_endian(bytes, at + 20, grain);
    put_little_endian<std::uint64_t>(bytes, at + 28, 1);
    put_little_endian(bytes, at + 36, descriptor_sectors);
    put_little_endian<std::uint32_t>(bytes, at + 44, 512);
    put_little_endian(bytes, at + 48, directories.redundant);
    put_little_endian(bytes, at + 56, directories.used);
    put_little_endian(bytes, at + 64, overhead);
    put_text(bytes, at + 73, "\n \r\n");
    put_little_endian<std::uint16_t>(bytes, at + 77, is_stream ? 1 : 0);
    if (bytes.size() < at + sector) bytes.resize(at + sector);
}

void put_marker(std::string& bytes, std::uint64_t sectors, std::uint32_t type) {
    const std::size_t at = bytes.size();
    put_little_endian(bytes, at, sectors);
    put_little_endian<std::uint32_t>(bytes, at + 12, type);
    bytes.resize(at + sector);
}

/// A directory of one table of one grain.
void put_sparse_tables(std::string& bytes) {
    for (const std::size_t directory : {21, 26}) {
        put_little_endian(bytes, directory * sector, static_cast<std::uint32_t>(directory + 1));
        put_little_endian<std::uint32_t>(bytes, (directory + 1) * sector, overhead);
    }
    bytes.resize(overhead * sector);
    put_text(bytes, bytes.size(), "guest data");
    bytes.resize((overhead + grain) * sector);
}

/// Tables without grains at the end, where a stream has them.
void put_stream_tables(std::string& bytes) {
    bytes.resize(overhead * sector);
    put_marker(bytes, 4, 1);
    const std::size_t table = bytes.size() / sector;
    bytes.resize(bytes.size() + 4 * sector);
    put_marker(bytes, 1, 2);
    const std::size_t directory = bytes.size() / sector;
    put_little_endian(bytes, bytes.size(), static_cast<std::uint32_t>(table));
    bytes.resize((directory + 1) * sector);
    put_marker(bytes, 1, 3);
    put_header(bytes, bytes.size(), VmdkKind::stream_optimized, {0, directory});
    put_marker(bytes, 0, 0);
}

}  // namespace

std::string vmdk_descriptor(std::string_view create_type, std::string_view extent,
                            std::string_view more) {
    return fmt::format(
        "# Disk "
        "DescriptorFile\nversion=1\nCID=01234567\nparentCID=ffffffff\ncreateType=\"{}\"\n{}\n"
        "# Extent description\n{}\n\n# The Disk Data Base\nddb.adapterType = \"ide\"\n",
        create_type, more, extent);
}

std::string make_vmdk(VmdkKind kind, std::string_view descriptor) {
    const bool is_stream = kind == VmdkKind::stream_optimized;
    std::string bytes;
    put_header(bytes, 0, kind, is_stream ? Directories{0, at_end} : Directories{26, 21});
    put_text(bytes, sector, descriptor);
    if (is_stream) {
        put_stream_tables(bytes);
    } else {
        put_sparse_tables(bytes);
    }
    return bytes;
}

std::string make_vmdk(VmdkKind kind) {
    const bool is_stream = kind == VmdkKind::stream_optimized;
    return make_vmdk(kind, vmdk_descriptor(is_stream ? "streamOptimized" : "monolithicSparse",
                                           "RW 2048 SPARSE \"disk.vmdk\""));
}

}  // namespace kiln::tests
