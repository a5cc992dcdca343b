#pragma once

#include "base/units.hpp"

namespace kiln::launcher {

/// Largest root of an instance-store image, as in EC2.
inline constexpr Bytes max_bundled_root = Bytes::gibibytes(10);

}  // namespace kiln::launcher
