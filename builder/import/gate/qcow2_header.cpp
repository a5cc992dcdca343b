#include "builder/import/gate/qcow2_header.hpp"

#include "builder/import/gate/qcow2_extensions.hpp"
#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint32_t size_of_version_2 = 72;
constexpr std::uint32_t size_of_version_3 = 104;
constexpr std::size_t compression_type_offset = 104;
constexpr std::uint64_t largest_l1_table = 32ULL << 20;
constexpr std::uint64_t largest_refcount_table = 8ULL << 20;
constexpr std::uint32_t largest_refcount_order = 6;
constexpr std::uint32_t longest_backing_name = 1023;

// Incompatible features.
constexpr std::uint64_t dirty = 1ULL << 0;
constexpr std::uint64_t corrupt = 1ULL << 1;
constexpr std::uint64_t external_data_file = 1ULL << 2;
constexpr std::uint64_t compression_type = 1ULL << 3;
constexpr std::uint64_t extended_l2 = 1ULL << 4;
constexpr std::uint64_t known_features =
    dirty | corrupt | external_data_file | compression_type | extended_l2;

// Autoclear features.
constexpr std::uint64_t raw_external_data = 1ULL << 1;

// With subclusters a cluster has 32, of 512 bytes at least.
constexpr std::uint32_t least_cluster_bits_with_subclusters = 14;

void check_length(const ByteSource& source, std::uint32_t needed) {
    if (source.size() >= needed) return;
    refuse("qcow2", fmt::format("the file ends within its header, after {} of {} bytes; copy it "
                                "again",
                                source.size(), needed));
}

void check_version(std::uint32_t version) {
    if (version == 2 || version == 3) return;
    refuse("qcow2", fmt::format("version {} is not 2 or 3; {}", version, make_it_plain));
}

void check_cluster_bits(std::uint32_t bits) {
    if (bits >= 9 && bits <= 21) return;
    refuse("qcow2", fmt::format("cluster_bits {} is not between 9 and 21; {}", bits, mend_qcow2));
}

void check_backing_file(const ByteSource& source, const BigEndianRecord& header) {
    const Range name{header.u64(8), header.u32(16)};
    if (name.offset == 0 && name.length == 0) return;
    std::string shown;
    if (name.length <= longest_backing_name && name.is_within(source.size())) {
        const BigEndianRecord text(source, name.offset, name.length);
        shown = " " + in_quotes(text.bytes());
    }
    refuse("qcow2", fmt::format("it stands on a backing file{}; {}", shown, make_it_plain));
}

void check_encryption(std::uint32_t method) {
    if (method == 0) return;
    refuse("qcow2",
           fmt::format("its crypt_method is {}: it is encrypted{}; import a copy in clear, "
                       "made where the key is: qemu-img convert -O qcow2",
                       method,
                       method == 1   ? " with AES"
                       : method == 2 ? " with LUKS"
                                     : ""));
}

void check_features(std::uint64_t features) {
    if ((features & ~known_features) != 0) {
        refuse("qcow2", fmt::format("incompatible features {:#x} are unknown; {}",
                                    features & ~known_features, make_it_plain));
    }
    if ((features & external_data_file) != 0) {
        refuse("qcow2", fmt::format("its data is in an external data file; {}", make_it_plain));
    }
    if ((features & corrupt) != 0) {
        refuse("qcow2", fmt::format("it is marked corrupt; {}", mend_qcow2));
    }
    if ((features & dirty) != 0) {
        refuse("qcow2",
               "it is marked dirty: whoever wrote it last did not close it; mend it:"
               " qemu-img check -r all FILE");
    }
}

void check_compression_type(std::uint64_t features, std::uint8_t type) {
    const bool is_marked = (features & compression_type) != 0;
    // zlib is 0 and not marked, Zstandard 1 and marked.
    if (type <= 1 && is_marked == (type == 1)) return;
    refuse("qcow2", fmt::format("its compression type {} is unknown, or not as the incompatible "
                                "features say; {}",
                                type, make_it_plain));
}

void check_header_length(const Qcow2Header& header) {
    if (header.length >= size_of_version_3 && header.length % 8 == 0 &&
        header.length <= header.cluster_size()) {
        return;
    }
    refuse("qcow2", fmt::format("header_length {} is less than 104, no multiple of 8, or more than "
                                "a cluster; {}",
                                header.length, mend_qcow2));
}

/// What only version 3 has.
void read_version_3(const ByteSource& source, Qcow2Header& header) {
    check_length(source, size_of_version_3);
    const BigEndianRecord record(source, 0, compression_type_offset + 8);
    const std::uint64_t features = record.u64(72);
    check_features(features);
    if ((record.u64(88) & raw_external_data) != 0) {
        refuse("qcow2", fmt::format("autoclear features say that its data is in a raw external "
                                    "file; {}",
                                    make_it_plain));
    }
    if (const std::uint32_t order = record.u32(96); order > largest_refcount_order) {
        refuse("qcow2", fmt::format("refcount_order {} is more than 6; {}", order, mend_qcow2));
    }
    header.length = record.u32(100);
    check_header_length(header);
    check_length(source, header.length);
    const bool tells_type = header.length > compression_type_offset;
    check_compression_type(features, tells_type ? record.u8(compression_type_offset) : 0);
    header.has_extended_l2 = (features & extended_l2) != 0;
    if (header.has_extended_l2 && header.cluster_bits < least_cluster_bits_with_subclusters) {
        refuse("qcow2",
               fmt::format("extended L2 entries need cluster_bits of 14 or more, not {}; {}",
                           header.cluster_bits, mend_qcow2));
    }
}

void check_l1_table(const Qcow2Header& header) {
    if (header.l1_table().length > largest_l1_table) {
        refuse("qcow2", fmt::format("the L1 table has {} entries, more than 32 MiB of them; {}",
                                    header.l1_entries, mend_qcow2));
    }
    const std::uint64_t covered_by_l2 =
        multiply(header.cluster_size(), header.cluster_size() / header.l2_entry_size());
    const std::uint64_t needed = divide_up(header.size, covered_by_l2);
    if (header.l1_entries < needed) {
        refuse("qcow2", fmt::format("the L1 table has {} entries, too few for the virtual size of "
                                    "{} bytes, which needs {}; {}",
                                    header.l1_entries, header.size, needed, mend_qcow2));
    }
}

void check_refcount_table(const Qcow2Header& header) {
    const Range table = header.refcount_table();
    if (table.length == 0 || table.length > largest_refcount_table) {
        refuse("qcow2", fmt::format("the refcount table has {} clusters: none, or more than 8 MiB; "
                                    "{}",
                                    header.refcount_table_clusters, mend_qcow2));
    }
}

void check_snapshots(const Qcow2Header& header) {
    if (header.snapshots <= most_snapshots) return;
    refuse("qcow2", fmt::format("it has {} snapshots, more than {}; the import would drop them:"
                                " qemu-img convert -O qcow2 FILE NEW makes a copy without any",
                                header.snapshots, most_snapshots));
}

}  // namespace

Qcow2Header read_qcow2_header(const ByteSource& source) {
    check_length(source, size_of_version_2);
    const BigEndianRecord record(source, 0, size_of_version_2);
    Qcow2Header header{.version = record.u32(4),
                       .length = size_of_version_2,
                       .cluster_bits = record.u32(20),
                       .size = record.u64(24),
                       .l1_offset = record.u64(40),
                       .l1_entries = record.u32(36),
                       .refcount_table_offset = record.u64(48),
                       .refcount_table_clusters = record.u32(56),
                       .snapshots_offset = record.u64(64),
                       .snapshots = record.u32(60)};
    check_version(header.version);
    check_cluster_bits(header.cluster_bits);
    check_backing_file(source, record);
    check_encryption(record.u32(32));
    if (header.version == 3) read_version_3(source, header);
    check_l1_table(header);
    check_refcount_table(header);
    check_snapshots(header);
    header.bitmaps = read_qcow2_extensions(source, header);
    return header;
}

}  // namespace kiln::builder::gate
