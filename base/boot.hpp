#pragma once

#include <string>

namespace kiln {

/// What is another text after each start of the host, or of the container that this process is in:
/// a container's restart ends its guests while the kernel goes on. Throws Error when /proc tells
/// nothing.
std::string boot_identity();

}  // namespace kiln
