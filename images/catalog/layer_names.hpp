#pragma once

#include <map>
#include <string>

#include "base/database.hpp"
#include "base/ids.hpp"

namespace kiln::images {

/// Who names each of the named_layers of the region, for a person: "the snapshot snap-1 is made of
/// it". Of several the first: a snapshot, a volume, an operation, an image, a build.
std::map<LayerId, std::string> who_names_layers(Session& session, const std::string& region);

}  // namespace kiln::images
