#pragma once

#include <string>
#include <vector>

#include "images/catalog/image.hpp"

namespace kiln::images {

/// The kernels that every kiln has for paravirtual images, with EC2's names and ids of its region
/// us-east-1: PV-GRUB, which boots what the image's own menu.lst names. hd0: the file system has
/// the disk to itself; hd00: it is in the first partition.
struct PvKernel {
    const char* id;    // "aki-919dcaf8"
    const char* name;  // "pv-grub-hd0_1.04-x86_64.gz"
    const char* disk;  // "hd0" or "hd00"
    Architecture architecture;
};
const std::vector<PvKernel>& pv_kernels();
/// nullptr when there is none of that id.
const PvKernel* find_pv_kernel(const std::string& id);
std::string pv_kernel_id(const std::string& disk, Architecture architecture);

/// Checks that an image or instance of this kind can have the kernel and the RAM disk; both may be
/// empty. Throws Error{InvalidAMIID.NotFound} for ids of none, Error{InvalidParameterCombination}
/// for a kernel of another architecture and for an hvm image with one, and
/// Error{UnsupportedOperation} for a RAM disk, which PV-GRUB does not take.
void check_kernel(VirtualizationType virtualization_type, Architecture architecture,
                  const std::string& kernel_id, const std::string& ramdisk_id);
/// An image may lack a kernel, an instance of a paravirtual one may not. Throws
/// Error{InvalidParameterCombination} that names those that there are.
void require_kernel(VirtualizationType virtualization_type, Architecture architecture,
                    const std::string& kernel_id);

}  // namespace kiln::images
