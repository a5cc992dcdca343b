#include "images/catalog/pv_kernels.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace kiln::images {

namespace {

[[noreturn]] void throw_not_found(const std::string& id) {
    throw Error(id.starts_with("aki-") ? "InvalidAMIID.NotFound" : ImageKind::malformed_code, id,
                fmt::format("The image id '[{}]' does not exist. `kiln describe-images --filters "
                            "Name=image-type,Values=kernel` lists the kernels.",
                            id));
}

[[noreturn]] void refuse(const std::string& why) {
    throw Error(error_code::invalid_parameter_combination, "KernelId", why);
}

}  // namespace

const std::vector<PvKernel>& pv_kernels() {
    static const std::vector<PvKernel> kernels{
        {"aki-919dcaf8", "pv-grub-hd0_1.04-x86_64.gz", "hd0", Architecture::x86_64},
        {"aki-499ccb20", "pv-grub-hd00_1.04-x86_64.gz", "hd00", Architecture::x86_64},
        {"aki-8f9dcae6", "pv-grub-hd0_1.04-i386.gz", "hd0", Architecture::i386},
        {"aki-659ccb0c", "pv-grub-hd00_1.04-i386.gz", "hd00", Architecture::i386},
    };
    return kernels;
}

const PvKernel* find_pv_kernel(const std::string& id) {
    const auto found =
        std::ranges::find_if(pv_kernels(), [&](const PvKernel& kernel) { return id == kernel.id; });
    return found == pv_kernels().end() ? nullptr : &*found;
}

std::string pv_kernel_id(const std::string& disk, Architecture architecture) {
    const auto found = std::ranges::find_if(pv_kernels(), [&](const PvKernel& kernel) {
        return disk == kernel.disk && architecture == kernel.architecture;
    });
    return found == pv_kernels().end() ? "" : found->id;
}

void check_kernel(VirtualizationType virtualization_type, Architecture architecture,
                  const std::string& kernel_id, const std::string& ramdisk_id) {
    if (virtualization_type == VirtualizationType::hvm) {
        if (kernel_id.empty() && ramdisk_id.empty()) return;
        refuse(
            "hvm guests boot by themselves: leave KernelId and RamdiskId out, or register an "
            "image with VirtualizationType=paravirtual");
    }
    const PvKernel* kernel = find_pv_kernel(kernel_id);
    if (kernel == nullptr && !kernel_id.empty()) throw_not_found(kernel_id);
    if (kernel != nullptr && kernel->architecture != architecture) {
        refuse(fmt::format("the kernel {} is of the architecture {}, the image of {}", kernel_id,
                           to_text(kernel->architecture), to_text(architecture)));
    }
    if (ramdisk_id.empty()) return;
    throw Error(error_code::unsupported_operation, "RamdiskId",
                "PV-GRUB loads the RAM disk that the image's menu.lst names: leave RamdiskId out");
}

void require_kernel(VirtualizationType virtualization_type, Architecture architecture,
                    const std::string& kernel_id) {
    if (virtualization_type == VirtualizationType::hvm || !kernel_id.empty()) return;
    refuse(
        fmt::format("a paravirtual instance needs a KernelId, of its image or of its own: {} "
                    "where its file system has the disk to itself, {} where that is in the "
                    "first partition",
                    pv_kernel_id("hd0", architecture), pv_kernel_id("hd00", architecture)));
}

}  // namespace kiln::images
