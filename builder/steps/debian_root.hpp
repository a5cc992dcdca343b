#pragma once

#include <string>
#include <vector>

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// Installs the recipe's packages and seals the result: as root into the build's root tree, else
/// into its root archive (a tar with the right owners).
void make_debian_root(const Build& build);

/// A file that is written into the guest; all belong to root.
struct GuestFile {
    std::string path;  // absolute, in the guest
    std::string content;
};
/// What makes a Debian system from packages one that boots from this disk and finds its data.
std::vector<GuestFile> debian_configuration(const Recipe& recipe, const DiskLayout& layout);
/// A shell script for mmdebstrap's hook: writes the files into the tree "$1" and removes all that
/// must be each instance's own.
std::string seal_script(const std::vector<GuestFile>& files);

}  // namespace kiln::builder
