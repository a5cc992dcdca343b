#pragma once

#include "base/units.hpp"
#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// The virtual size of a VHDX ([MS-VHDX]) without a parent and with nothing in its log: both
/// headers and both region tables are whole, its regions lie in the file and apart from each
/// other, and no more blocks are mapped than there is room for.
/// Throws Error{InvalidParameterValue}.
Bytes inspect_vhdx(const ByteSource& source);

}  // namespace kiln::builder::gate
