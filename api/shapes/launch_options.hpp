#pragma once

#include <vector>

#include "api/protocol/arguments.hpp"
#include "api/protocol/parameter.hpp"

namespace kiln::api {

/// Options of a launch that clients of EC2 always send, and that decide nothing here.
std::vector<Parameter> launch_options_parameters();
/// Throws Error{UnsupportedOperation} for one that asks for what cannot be had.
void check_launch_options(const Arguments& arguments);

}  // namespace kiln::api
