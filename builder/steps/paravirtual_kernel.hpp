#pragma once

#include <filesystem>
#include <string_view>

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// What a kernel for PCs ("bzImage") unpacks when it boots by itself: the packed kernel in it.
/// Throws Error{BuildFailed} for what is no such kernel.
/// https://docs.kernel.org/arch/x86/boot.html
std::string_view payload_of(std::string_view kernel);

/// How it is packed: what Xen unpacks quickly by itself, and what its GRUB does.
enum class KernelPacking { gzip, lzo };

/// Makes one that is packed like that of one of Debian's kernels, which are packed with xz:
/// unpacking it takes a fraction of the time, which is seconds where the machine is emulated.
void install_paravirtual_kernel(const Build& build, const std::filesystem::path& from,
                                const std::filesystem::path& to, KernelPacking packing);

}  // namespace kiln::builder
