#pragma once

#include <vector>

#include "api/output/structure.hpp"
#include "api/protocol/arguments.hpp"
#include "api/protocol/parameter.hpp"
#include "launcher/fleet/launch_parameters.hpp"

namespace kiln::api {

/// What RunInstances and the data of a launch template have in common.
std::vector<Parameter> launch_parameters();
/// Throws Error{UnsupportedOperation} for what cannot be had.
launcher::LaunchParameters launch_parameters_of(const Arguments& arguments);

/// As DescribeLaunchTemplateVersions shows them.
const Structure<launcher::LaunchParameters>& launch_parameters_structure();

}  // namespace kiln::api
