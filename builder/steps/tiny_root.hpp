#pragma once

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// Makes the root tree of a tiny system: a kernel with its own initramfs, busybox, dropbear and the
/// guest agent with the libraries that they need, taken from Debian's packages without running
/// their scripts. What starts it lies in steps/files/tiny.
void make_tiny_root(const Build& build);

}  // namespace kiln::builder
