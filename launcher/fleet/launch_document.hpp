#pragma once

#include <string>

#include "launcher/fleet/launch_parameters.hpp"

namespace kiln::launcher {

/// As JSON, for the catalog: what was left out is left out.
std::string to_document(const LaunchParameters& parameters);
/// Of a text that to_document() made. Throws what nlohmann::json throws for others.
LaunchParameters parse_launch_document(const std::string& document);

}  // namespace kiln::launcher
