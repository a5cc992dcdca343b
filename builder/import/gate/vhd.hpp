#pragma once

#include "base/units.hpp"
#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// The virtual size of a fixed or dynamic VHD (Microsoft's "Virtual Hard Disk Image Format
/// Specification"), as QEMU reads it: by the geometry, but for some makers and for disks too large
/// for one by the current size. Throws Error{InvalidParameterValue}.
Bytes inspect_vhd(const ByteSource& source);

}  // namespace kiln::builder::gate
