#pragma once

#include <cstdint>
#include <optional>

#include "builder/import/gate/arithmetic.hpp"
#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// What the bitmaps extension says.
struct Qcow2Bitmaps {
    std::uint32_t count = 0;
    Range directory;
};

/// The fields of a qcow2 header (QEMU's docs/interop/qcow2.txt) that has passed.
struct Qcow2Header {
    std::uint32_t version = 0;       // 2 or 3
    std::uint32_t length = 0;        // in bytes, without the extensions
    std::uint32_t cluster_bits = 0;  // 9 to 21
    std::uint64_t size = 0;          // virtual, in bytes; not checked yet
    std::uint64_t l1_offset = 0;
    std::uint32_t l1_entries = 0;  // enough for the size, at most 32 MiB of them
    std::uint64_t refcount_table_offset = 0;
    std::uint32_t refcount_table_clusters = 0;  // at most 8 MiB of them
    std::uint64_t snapshots_offset = 0;
    std::uint32_t snapshots = 0;   // at most most_snapshots
    bool has_extended_l2 = false;  // entries of 16 bytes, with a bitmap of subclusters
    std::optional<Qcow2Bitmaps> bitmaps;

    std::uint64_t cluster_size() const { return 1ULL << cluster_bits; }
    std::uint64_t l2_entry_size() const { return has_extended_l2 ? 16 : 8; }
    Range l1_table() const { return {l1_offset, l1_entries * 8ULL}; }
    Range refcount_table() const {
        return {refcount_table_offset, refcount_table_clusters * cluster_size()};
    }
};

/// Both are dropped by the import. QEMU's bound is 65,536; each costs the helper programs time.
inline constexpr std::uint32_t most_snapshots = 1024;
inline constexpr std::uint32_t most_bitmaps = 1024;

/// Reads the header and its extensions; throws Error{InvalidParameterValue} for all that
/// inspect_qcow2 refuses and that can be seen there. Where tables lie is not compared with
/// anything yet.
Qcow2Header read_qcow2_header(const ByteSource& source);

}  // namespace kiln::builder::gate
