#pragma once

#include <cstdint>
#include <string_view>

namespace kiln::builder::gate {

/// The CRC-32C (Castagnoli; RFC 3720, appendix B.4) of all pieces so far: begin with 0.
std::uint32_t crc32c(std::uint32_t before, std::string_view bytes);

}  // namespace kiln::builder::gate
