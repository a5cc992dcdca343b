#pragma once

#include <string>
#include <string_view>

#include "builder/steps/build.hpp"

namespace kiln::builder {

/// Puts GRUB onto the partitioned raw disk, for BIOS and for UEFI, as far as the target has them.
/// Both read /boot/grub/grub.cfg of the root partition of the disk that they were started from, so
/// that a second disk made from the same image never confuses them. With Secure Boot it is Debian's
/// signed one, and looks for the root file system by its UUID.
void install_boot_loader(const Build& build);

/// The MBR with GRUB's first stage: `boot_image` (512 bytes) that loads `core_sector`, with the
/// partition table of `mbr` (512 bytes). Offsets as in GRUB's grub-core/boot/i386/pc/boot.S.
std::string make_boot_sector(std::string_view boot_image, std::string_view mbr,
                             std::uint64_t core_sector);
/// GRUB's core image, made to find the rest of itself in the sectors that follow `core_sector`: the
/// block list at the end of its first sector (grub-core/boot/i386/pc/diskboot.S).
std::string place_core_image(std::string core, std::uint64_t core_sector);

/// What the kernel of every image is told: its consoles, and on x86 to take the timer for sound,
/// which a busy host that emulates it can make look broken.
std::string kernel_arguments(const Target& target);

/// A grub.cfg that boots /vmlinuz and /initrd.img (or other names) at once.
struct BootEntry {
    std::string title;
    std::string kernel;
    std::string ramdisk;
    std::string arguments;
};
std::string grub_configuration(const BootEntry& entry);
/// A menu.lst, as EC2's PV-GRUB reads it, that boots the entry at once; `root` is "(hd0)" or
/// "(hd0,0)".
std::string pv_grub_configuration(const BootEntry& entry, const char* root);
/// What Debian's signed GRUB reads first: it goes on with the grub.cfg of the root file system.
std::string signed_grub_configuration(const std::string& root_file_system_uuid);

}  // namespace kiln::builder
