#pragma once

#include <yaml-cpp/yaml.h>

#include "base/custom_types.hpp"

namespace kiln {

/// The value of the configuration's key `instance_types`. Throws YAML::RepresentationException at
/// the place of what is not as CustomType shows it.
CustomTypes read_custom_types(const YAML::Node& node);

}  // namespace kiln
