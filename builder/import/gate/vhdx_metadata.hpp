#pragma once

#include <cstdint>

#include "builder/import/gate/arithmetic.hpp"
#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// What a VHDX says of its disk.
struct VhdxMetadata {
    std::uint64_t size = 0;            // in bytes; not checked yet
    std::uint64_t block = 0;           // bytes, a power of 2 from 1 to 256 MiB
    std::uint64_t logical_sector = 0;  // 512 or 4096
};

/// Reads the metadata region, which lies in the file. Throws Error{InvalidParameterValue} when an
/// item that is needed is missing, when one is unknown and required, and when the disk has a
/// parent.
VhdxMetadata read_vhdx_metadata(const ByteSource& source, const Range& region);

}  // namespace kiln::builder::gate
