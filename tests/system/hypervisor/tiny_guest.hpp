#pragma once

#include <filesystem>

namespace kiln::tests {

/// A guest that is a kernel and a ramdisk with busybox, made in a directory that QEMU may enter. It
/// says READY on the serial console, answers on TCP port 22 with "hello", answers the agent's
/// commands on the agent's channel unless its kernel is given "no-agent", powers off when its power
/// button is pressed, and writes to /dev/vda all the time. Console commands: echo TEXT; disks;
/// write SERIAL MEBIBYTE WORD (as soon as the disk is there and that large; then says "wrote" and
/// the same); read SERIAL MEBIBYTE (then says "found", the same and the word); off-soon (powers off
/// after two seconds).
struct TinyGuest {
    std::filesystem::path kernel;
    std::filesystem::path ramdisk;
};

/// Throws Error when /boot has no cloud kernel or busybox-static or cpio is missing.
TinyGuest make_tiny_guest(const std::filesystem::path& directory);

}  // namespace kiln::tests
