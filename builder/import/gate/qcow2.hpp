#pragma once

#include "base/units.hpp"
#include "builder/import/gate/byte_source.hpp"

namespace kiln::builder::gate {

/// The virtual size of a qcow2 file of version 2 or 3 (QEMU's docs/interop/qcow2.txt) that stands
/// on its own: no backing file, no external data file, not encrypted, neither dirty nor corrupt.
/// Its tables lie in the file and apart from each other, and no cluster of it is used twice. Of
/// large images not every table is walked (docs/design/builder.md). Throws
/// Error{InvalidParameterValue}.
Bytes inspect_qcow2(const ByteSource& source);

}  // namespace kiln::builder::gate
