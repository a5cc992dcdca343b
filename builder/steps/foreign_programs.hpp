#pragma once

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// Lets the kernel run the target's programs, by qemu-user-static and binfmt_misc, as systemd does
/// at boot; where it does already, as many of x86_64 do those of i386, nothing happens. What the
/// kernel learns stays until the host is restarted. Throws Error{BuildFailed} with what to install
/// or to run.
void let_foreign_programs_run(const Build& build);

}  // namespace kiln::builder
