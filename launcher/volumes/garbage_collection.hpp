#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"

namespace kiln::launcher {

enum class LayerFate { remove, merge, keep };

/// What becomes of a layer, and why.
struct CollectedLayer {
    LayerId layer;
    Bytes size;  // what its file occupies
    LayerFate fate;
    std::optional<LayerId> into;  // of a merge
    std::string reason;
};

/// What a collection did, or would do.
struct GarbageCollection {
    std::vector<CollectedLayer> layers;
    Bytes freed;
};

}  // namespace kiln::launcher
