#pragma once

#include <optional>

#include "builder/import/gate/qcow2_header.hpp"

namespace kiln::builder::gate {

/// Walks over the header's extensions, which lie between it and the end of the first cluster.
/// Refuses those that point out of the image or do not fit, and what stands twice; answers the
/// one that matters. Throws Error{InvalidParameterValue}.
std::optional<Qcow2Bitmaps> read_qcow2_extensions(const ByteSource& source,
                                                  const Qcow2Header& header);

}  // namespace kiln::builder::gate
