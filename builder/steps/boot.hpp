#pragma once

#include <string>
#include <string_view>

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// Puts GRUB onto the partitioned raw disk, for BIOS and for UEFI. Both read /boot/grub/grub.cfg of
/// the root partition of the disk that they were started from, so that a second disk made from the
/// same image never confuses them.
void install_boot_loader(const Build& build);

/// The MBR with GRUB's first stage: `boot_image` (512 bytes) that loads `core_sector`, with the
/// partition table of `mbr` (512 bytes). Offsets as in GRUB's grub-core/boot/i386/pc/boot.S.
std::string make_boot_sector(std::string_view boot_image, std::string_view mbr,
                             std::uint64_t core_sector);
/// GRUB's core image, made to find the rest of itself in the sectors that follow `core_sector`: the
/// block list at the end of its first sector (grub-core/boot/i386/pc/diskboot.S).
std::string place_core_image(std::string core, std::uint64_t core_sector);

/// What the kernel of every image is told: its consoles, and to take the timer for sound, which a
/// busy host that emulates it can make look broken.
inline constexpr const char* kernel_arguments = "no_timer_check console=tty0 console=ttyS0,115200";

/// A grub.cfg that boots /vmlinuz and /initrd.img (or other names) at once.
struct BootEntry {
    std::string title;
    std::string kernel;
    std::string ramdisk;
    std::string arguments;
};
std::string grub_configuration(const BootEntry& entry);

}  // namespace kiln::builder
