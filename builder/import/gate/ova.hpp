#pragma once

#include <vector>

#include "builder/import/gate/byte_source.hpp"
#include "builder/import/gate/gate.hpp"

namespace kiln::builder::gate {

/// The disks of an OVA: a tar archive of one OVF, the disks that it names, and perhaps a manifest
/// and a certificate. Each disk passes by itself. The manifest's digests are not compared: that
/// takes reading all of the file. Throws Error{InvalidParameterValue}.
std::vector<InspectedDisk> inspect_ova(const ByteSource& source);

}  // namespace kiln::builder::gate
