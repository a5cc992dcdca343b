#pragma once

#include "images/catalog/volume.hpp"

namespace kiln::launcher {

/// Throws Error{IncorrectState}: the volume is in another state than the one that is needed.
[[noreturn]] void refuse_state(const images::Volume& volume, const char* needed);
/// Throws Error{VolumeInUse}: it is attached, and says to what.
[[noreturn]] void refuse_in_use(const images::Volume& volume);

}  // namespace kiln::launcher
