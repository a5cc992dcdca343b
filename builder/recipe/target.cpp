#include "builder/recipe/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "hypervisor/domain/architecture.hpp"
#include "launcher/types/guest_architecture.hpp"

namespace kiln::builder {

namespace {

using images::Architecture;

const std::vector<Target>& targets() {
    static const std::vector<Target> table{
        {.architecture = Architecture::x86_64,
         .debian = "amd64",
         .kernel_package = "linux-image-cloud-amd64",
         .paravirtual_kernel_package = "linux-image-amd64",
         .libraries = "x86_64-linux-gnu",
         .loader = "lib64/ld-linux-x86-64.so.2",
         .loader_place = "usr/lib64",
         .interpreter = "qemu-x86_64-static",
         .serial_port = "ttyS0",
         .boots_bios = true,
         .efi_format = "x86_64-efi",
         .efi_file = "BOOTX64.EFI",
         .efi_suffix = "x64",
         .root_type = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"},
        {.architecture = Architecture::i386,
         .debian = "i386",
         .kernel_package = "linux-image-686",
         .paravirtual_kernel_package = "",  // Linux's last was 5.8
         .libraries = "i386-linux-gnu",
         .loader = "lib/ld-linux.so.2",
         .loader_place = "usr/lib",
         .interpreter = "qemu-i386-static",
         .serial_port = "ttyS0",
         .boots_bios = true,
         .efi_format = "",
         .efi_file = "",
         .efi_suffix = "",
         .root_type = "44479540-F297-41B2-9AF7-D131D5F0458A"},
        {.architecture = Architecture::arm64,
         .debian = "arm64",
         .kernel_package = "linux-image-cloud-arm64",
         .paravirtual_kernel_package = "",
         .libraries = "aarch64-linux-gnu",
         .loader = "lib/ld-linux-aarch64.so.1",
         .loader_place = "usr/lib",
         .interpreter = "qemu-aarch64-static",
         .serial_port = "ttyAMA0",
         .boots_bios = false,
         .efi_format = "arm64-efi",
         .efi_file = "BOOTAA64.EFI",
         .efi_suffix = "aa64",
         .root_type = "B921B045-1DF0-41C3-AF44-4C6F280D3FAE"},
    };
    return table;
}

}  // namespace

const Target& target_of(images::Architecture architecture) {
    const auto found = std::ranges::find(targets(), architecture, &Target::architecture);
    if (found != targets().end()) return *found;
    throw Error("InvalidRecipe", std::string(to_text(architecture)),
                fmt::format("images of the architecture {} are not built but registered: `kiln "
                            "register-image`",
                            to_text(architecture)));
}

bool is_foreign(const Target& target) {
    return launcher::guest_architecture(target.architecture) != hypervisor::host_architecture();
}

}  // namespace kiln::builder
