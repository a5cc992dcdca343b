#include "tests/disk_image_makers.hpp"

#include "base/file.hpp"

namespace kiln::tests {

namespace {

constexpr std::uint64_t bytes_per_kibibyte = 1024;

/// Bits of a deflate stream (RFC 1951), which fill each byte from its lowest on.
class BitWriter {
  public:
    void number(std::uint32_t value, int bits) {
        for (int i = 0; i < bits; ++i)
            bit(value >> i & 1);
    }
    /// Codes stand with their highest bit first.
    void code(std::uint32_t value, int bits) {
        for (int i = bits - 1; i >= 0; --i)
            bit(value >> i & 1);
    }
    const std::string& bytes() const { return bytes_; }

  private:
    void bit(std::uint32_t value) {
        if (used_ == 0) bytes_ += '\0';
        bytes_.back() = static_cast<char>(bytes_.back() | static_cast<char>(value << used_));
        used_ = (used_ + 1) % 8;
    }

    std::string bytes_;
    int used_ = 0;
};

/// 64 KiB of zeros: one, 254 times 258 more, and three more.
std::string deflated_zeros() {
    BitWriter writer;
    writer.number(1, 1);  // the last block
    writer.number(1, 2);  // with the fixed codes
    writer.code(0x30, 8);
    for (int i = 0; i < 254; ++i) {
        writer.code(0xc5, 8);  // 258 bytes
        writer.code(0, 5);     // from one byte before
    }
    writer.code(1, 7);  // three bytes
    writer.code(0, 5);
    writer.code(0, 7);  // the end
    return writer.bytes();
}

std::size_t end_of_extensions(const std::string& bytes) {
    std::size_t offset = qcow2_header_length;
    while (bytes.at(offset) != 0 || bytes.at(offset + 1) != 0) {
        std::size_t length = 0;
        for (std::size_t i = 4; i < 8; ++i) {
            length = length << 8 | static_cast<unsigned char>(bytes.at(offset + i));
        }
        offset += 8 + (length + 7) / 8 * 8;
    }
    return offset;
}

void put_header(std::string& bytes, const Qcow2& image) {
    put_text(bytes, 0, "QFI\xfb");
    put_big_endian(bytes, qcow2_field::version, image.version);
    put_big_endian(bytes, qcow2_field::cluster_bits, image.cluster_bits);
    put_big_endian(bytes, qcow2_field::size, image.size);
    put_big_endian(bytes, qcow2_field::l1_entries, static_cast<std::uint32_t>(image.l1_entries()));
    put_big_endian(bytes, qcow2_field::l1_offset, image.l1_table());
    put_big_endian(bytes, qcow2_field::refcount_table_offset, image.refcount_table());
    put_big_endian<std::uint32_t>(bytes, qcow2_field::refcount_table_clusters, 1);
    if (image.version < 3) return;
    put_big_endian<std::uint64_t>(bytes, qcow2_field::incompatible,
                                  image.has_extended_l2 ? 1 << 4 : 0);
    put_big_endian<std::uint32_t>(bytes, qcow2_field::refcount_order, 4);
    put_big_endian(bytes, qcow2_field::header_length, qcow2_header_length);
}

}  // namespace

void write_disk_file(const DiskFile& file, const std::filesystem::path& path) {
    write_file_atomically(path, file.bytes, 0600);
    std::filesystem::resize_file(path, file.size);
}

void put_text(std::string& bytes, std::size_t offset, std::string_view text) {
    if (bytes.size() < offset + text.size()) bytes.resize(offset + text.size());
    bytes.replace(offset, text.size(), text);
}

std::string make_raw(std::uint64_t size) {
    std::string bytes(size, '\0');
    for (std::uint64_t offset = 0; offset < size; offset += bytes_per_kibibyte) {
        put_text(bytes, offset, "guest data");
    }
    bytes.resize(size);
    return bytes;
}

std::uint64_t Qcow2::l1_entries() const {
    const std::uint64_t entry_size = has_extended_l2 ? 16 : 8;
    const std::uint64_t covered = cluster(1) * (cluster(1) / entry_size);
    return (size + covered - 1) / covered;
}

std::string make_qcow2(const Qcow2& image) {
    std::string bytes;
    put_header(bytes, image);
    bytes.resize(image.end());
    put_big_endian(bytes, image.refcount_table(), image.cluster(2));
    for (std::size_t i = 0; i < 6; ++i) {
        put_big_endian<std::uint16_t>(bytes, image.cluster(2) + i * 2, 1);
    }
    put_big_endian(bytes, image.l1_table(), image.l2_table() | qcow2_copied);
    put_big_endian(bytes, image.l2_table(), image.data() | qcow2_copied);
    if (image.has_extended_l2) {
        put_big_endian<std::uint64_t>(bytes, image.l2_table() + 8, 0xffffffff);
    }
    put_text(bytes, image.data(), "guest data");
    return bytes;
}

void add_qcow2_extension(std::string& bytes, std::uint32_t type, std::string_view content) {
    const std::size_t offset = end_of_extensions(bytes);
    put_big_endian(bytes, offset, type);
    put_big_endian(bytes, offset + 4, static_cast<std::uint32_t>(content.size()));
    put_text(bytes, offset + 8, content);
}

void set_qcow2_backing_file(std::string& bytes, std::string_view name, std::string_view format) {
    constexpr std::uint32_t backing_format = 0xe2792aca;
    if (!format.empty()) add_qcow2_extension(bytes, backing_format, format);
    const std::uint64_t offset = end_of_extensions(bytes) + 8;
    put_text(bytes, offset, name);
    put_big_endian(bytes, qcow2_field::backing_offset, offset);
    put_big_endian(bytes, qcow2_field::backing_size, static_cast<std::uint32_t>(name.size()));
}

void set_qcow2_data_file(std::string& bytes, std::string_view name) {
    constexpr std::uint32_t data_file = 0x44415441;
    put_big_endian<std::uint64_t>(bytes, qcow2_field::incompatible, 1 << 2);
    add_qcow2_extension(bytes, data_file, name);
}

void add_qcow2_snapshots(std::string& bytes, std::uint32_t count, std::uint64_t l1_offset) {
    constexpr std::size_t entry_size = 40 + 24;
    const std::size_t table = bytes.size();
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::size_t entry = table + i * entry_size;
        put_big_endian(bytes, entry, l1_offset);
        put_big_endian<std::uint32_t>(bytes, entry + 8, 1);
        put_big_endian<std::uint32_t>(bytes, entry + 36, 24);
        bytes.resize(entry + entry_size);
    }
    put_big_endian(bytes, qcow2_field::snapshots, count);
    put_big_endian<std::uint64_t>(bytes, qcow2_field::snapshots_offset, table);
}

std::string make_aliasing_bomb() {
    const Qcow2 image{.size = 1ULL << 40};
    std::string bytes = make_qcow2(image);
    for (std::size_t i = 0; i < image.l1_entries(); ++i) {
        put_big_endian(bytes, image.l1_table() + i * 8, image.l2_table() | qcow2_copied);
    }
    for (std::size_t i = 0; i < image.cluster(1) / 8; ++i) {
        put_big_endian(bytes, image.l2_table() + i * 8, image.data() | qcow2_copied);
    }
    return bytes;
}

std::string make_compressed_bomb() {
    const Qcow2 image{.size = 128ULL << 20};
    const std::size_t clusters = image.size / image.cluster(1);
    std::string bytes = make_qcow2(image);
    const std::string zeros = deflated_zeros();
    put_text(bytes, image.data(), zeros);
    // The sectors behind the first one are counted from bit 62 - (16 - 8) on.
    const std::uint64_t entry = qcow2_compressed | (zeros.size() / 512) << 54 | image.data();
    for (std::size_t i = 0; i < clusters; ++i) {
        put_big_endian(bytes, image.l2_table() + i * 8, entry);
    }
    put_big_endian(bytes, image.cluster(2) + 5 * 2, static_cast<std::uint16_t>(clusters));
    return bytes;
}

}  // namespace kiln::tests
