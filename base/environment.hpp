#pragma once

#include <string>

namespace kiln {

/// The variable's value; empty when it is not set. Any thread, as long as none calls setenv.
std::string environment_variable(const char* name);

}  // namespace kiln
