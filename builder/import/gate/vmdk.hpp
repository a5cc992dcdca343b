#pragma once

#include "base/units.hpp"
#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// The virtual size of a VMDK of one file, monolithicSparse or streamOptimized (VMware's "Virtual
/// Disk Format 5.0"), whose descriptor names no other file and no parent. Its tables lie in the
/// file and map no more grains than there is room for. Throws Error{InvalidParameterValue}.
Bytes inspect_vmdk(const ByteSource& source);

}  // namespace kiln::builder::gate
