#pragma once

#include <string>
#include <vector>

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// The version of the one kernel in the tree ("6.1.0-44-cloud-amd64"). Throws Error{BuildFailed}
/// when there is none.
std::string kernel_version(const std::filesystem::path& tree);

/// What depmod says of a kernel's modules.
struct ModuleIndex {
    std::string dependencies;  // modules.dep: "path: paths of what it needs"
    std::string built_in;      // modules.builtin: paths of what the kernel has in it
};
/// The files to load, each after what it needs, so that `wanted` (names as in `modprobe`) work.
/// Built-in ones are left out. Throws Error{BuildFailed} for one that the kernel does not have.
std::vector<std::string> module_load_order(const ModuleIndex& index,
                                           const std::vector<std::string>& wanted);

/// Makes the initramfs of a tiny system from the packages tree: busybox, the modules for virtual
/// machines, and steps/files/tiny/initramfs-init.
void make_initramfs(const Build& build, const std::string& version,
                    const std::filesystem::path& target);

}  // namespace kiln::builder
