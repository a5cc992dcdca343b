#pragma once

#include <cstddef>
#include <vector>

#include "base/units.hpp"

namespace kiln::images {

/// No live layer is deeper than this, counted from itself to its base, and no frozen one as deep.
inline constexpr std::size_t max_chain_depth = 16;
/// Deeper chains of running guests are pulled short in the background.
inline constexpr std::size_t long_chain_depth = 12;
/// What pulling leaves at most.
inline constexpr std::size_t short_chain_depth = 8;

/// Which layer the top of a chain is to stand on when it is pulled short, as an index into the
/// chain; 1 leaves it as it is. `sizes` are what the layers occupy, the top first.
///
/// The layers below the top are merged into it as long as more than short_chain_depth are left, or
/// the next one is no larger than all that is merged already: what is left grows geometrically from
/// the top down, so that each byte is copied a logarithmic number of times however many captures
/// there are. The base at the bottom stays: other images share it.
std::size_t choose_base(const std::vector<Bytes>& sizes);

}  // namespace kiln::images
