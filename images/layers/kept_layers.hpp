#pragma once

#include <string>
#include <vector>

#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

struct KeptLayer {
    LayerId layer;
    std::string reason;  // the first that holds, with the id of who needs it
};

/// The layers of the region that are neither unneeded nor taken in by one of the possible_merges,
/// by id.
std::vector<KeptLayer> kept_layers(Session& session, const std::string& region);

}  // namespace kiln::images
