#pragma once

#include <cstdint>

#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// What the header of a sparse VMDK says of the descriptor that is embedded in it, in sectors.
struct VmdkDescriptorPlace {
    std::uint64_t first_sector;
    std::uint64_t sectors;
    std::uint64_t capacity;
    std::uint64_t grain;
    bool is_stream;  // its grains are between markers
};

/// Refuses a descriptor that names any file but the one that it is in, has a parent, is of another
/// kind than monolithicSparse and streamOptimized, or is no such text at all.
/// Throws Error{InvalidParameterValue}.
void check_vmdk_descriptor(const ByteSource& source, const VmdkDescriptorPlace& place);

}  // namespace kiln::builder::gate
