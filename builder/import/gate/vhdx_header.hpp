#pragma once

#include "builder/import/gate/arithmetic.hpp"
#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// Where the parts of a VHDX lie: in the file, from its first MiB on, apart from each other.
struct VhdxRegions {
    Range allocation_table;
    Range metadata;
    Range log;
};

/// Reads both headers and both region tables. Throws Error{InvalidParameterValue} when one of them
/// is damaged, when they differ, or when the log has something to be done.
VhdxRegions read_vhdx_regions(const ByteSource& source);

}  // namespace kiln::builder::gate
