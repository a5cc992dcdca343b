#include "builder/import/gate/qcow2_tables.hpp"

#include <algorithm>

#include "builder/import/gate/record.hpp"
#include "builder/import/gate/refusal.hpp"

namespace kiln::builder::gate {

namespace {

constexpr std::uint64_t offset_mask = 0x00fffffffffffe00;  // of entries of L1 and L2 tables
constexpr std::uint64_t copied = 1ULL << 63;
constexpr std::uint64_t compressed = 1ULL << 62;
constexpr std::uint64_t zero = 1ULL << 0;
constexpr std::uint64_t reserved_of_refcount_table = 0x1ff;

// Reading a small table takes about as long.
constexpr std::uint64_t least_cost_of_table = 4096;

void refuse_reserved_bits(const char* table, std::uint64_t index, std::uint64_t entry) {
    refuse("qcow2", fmt::format("entry {} of {}, {:#018x}, has reserved bits set; {}", index, table,
                                entry, mend_qcow2));
}

template <typename Look>
void for_each_l2_table(const ByteSource& source, const Qcow2Header& header, Look look) {
    for_each_entry<std::uint64_t, ByteOrder::big>(
        source, {header.l1_offset, header.l1_entries},
        [&](std::uint64_t index, std::uint64_t entry) {
            if ((entry & ~(offset_mask | copied)) != 0) {
                refuse_reserved_bits("the L1 table", index, entry);
            }
            if (const std::uint64_t offset = entry & offset_mask; offset != 0) look(offset);
        });
}

/// The compressed cluster's first byte; the bits above tell how many sectors it takes.
std::uint64_t compressed_offset(const Qcow2Header& header, std::uint64_t entry) {
    const std::uint32_t offset_bits = 62 - (header.cluster_bits - 8);
    return entry & ((1ULL << offset_bits) - 1);
}

void claim_entry(const Qcow2Header& header, std::uint64_t index, std::uint64_t entry,
                 ClusterClaims& claims) {
    if (entry == 0) return;
    if ((entry & compressed) != 0) {
        claims.check_compressed(compressed_offset(header, entry));
        return;
    }
    const bool has_zero_bit = header.version == 3 && !header.has_extended_l2;
    if ((entry & ~(offset_mask | copied | (has_zero_bit ? zero : 0))) != 0) {
        refuse_reserved_bits("an L2 table", index, entry);
    }
    if (const std::uint64_t offset = entry & offset_mask; offset != 0) claims.claim_data(offset);
}

/// The bitmap of an extended entry: the lower half says which subclusters are allocated, the
/// upper which read as zeros.
void check_subclusters(std::uint64_t index, std::uint64_t entry, std::uint64_t bitmap) {
    const auto allocated = static_cast<std::uint32_t>(bitmap);
    const auto zeros = static_cast<std::uint32_t>(bitmap >> 32);
    const bool is_compressed = (entry & compressed) != 0;
    const bool has_cluster = (entry & offset_mask) != 0;
    if ((allocated & zeros) == 0 && !(is_compressed && bitmap != 0) &&
        (allocated == 0 || has_cluster)) {
        return;
    }
    refuse("qcow2", fmt::format("the subclusters of entry {} of an L2 table, {:#018x}, contradict "
                                "each other or the entry; {}",
                                index, bitmap, mend_qcow2));
}

void claim_l2_table(const ByteSource& source, const Qcow2Header& header, std::uint64_t offset,
                    ClusterClaims& claims) {
    std::uint64_t extended_entry = 0;
    for_each_entry<std::uint64_t, ByteOrder::big>(
        source, {offset, header.cluster_size() / 8},
        [&](std::uint64_t index, std::uint64_t number) {
            if (!header.has_extended_l2) return claim_entry(header, index, number, claims);
            if (index % 2 == 0) {
                extended_entry = number;
                return claim_entry(header, index / 2, number, claims);
            }
            check_subclusters(index / 2, extended_entry, number);
        });
}

}  // namespace

void claim_refcounts(const ByteSource& source, const Qcow2Header& header, ClusterClaims& claims) {
    claims.claim("the refcount table", header.refcount_table());
    for_each_entry<std::uint64_t, ByteOrder::big>(
        source, {header.refcount_table_offset, header.refcount_table().length / 8},
        [&](std::uint64_t index, std::uint64_t entry) {
            if ((entry & reserved_of_refcount_table) != 0) {
                refuse_reserved_bits("the refcount table", index, entry);
            }
            if (entry != 0) claims.claim("a refcount block", {entry, header.cluster_size()});
        });
}

void claim_mapping(const ByteSource& source, const Qcow2Header& header, ClusterClaims& claims) {
    for_each_l2_table(source, header, [&](std::uint64_t offset) {
        claims.claim("an L2 table", {offset, header.cluster_size()});
    });
    std::uint64_t walked = 0;
    for_each_l2_table(source, header, [&](std::uint64_t offset) {
        if (walked >= most_l2_bytes_walked) return;
        walked += std::max(header.cluster_size(), least_cost_of_table);
        claim_l2_table(source, header, offset, claims);
    });
}

}  // namespace kiln::builder::gate
