#pragma once

#include <string>

namespace kiln::builder {

/// Starts libguestfs's appliance and closes it: "libguestfs 1.48.6, appliance started in 9 s".
/// Throws Error{Unavailable} that says how to mend it. Takes ten seconds and more.
std::string check_appliance(bool use_kvm);

}  // namespace kiln::builder
