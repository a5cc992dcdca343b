#pragma once

#include <yaml-cpp/yaml.h>

#include "base/rates.hpp"

namespace kiln {

/// The value of the configuration's key `rates`. Throws YAML::RepresentationException at the place
/// of what is not as Rates shows it.
Rates read_rates(const YAML::Node& node);

}  // namespace kiln
