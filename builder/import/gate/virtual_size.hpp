#pragma once

#include <cstdint>
#include <string_view>

#include "base/units.hpp"

namespace kiln::builder::gate {

/// The size of a disk as its header tells it, refused when no disk of kiln's can have it: 0, no
/// multiple of 512, or more than max_virtual_size.
Bytes checked_virtual_size(std::string_view format, std::uint64_t bytes);

}  // namespace kiln::builder::gate
