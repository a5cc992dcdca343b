#pragma once

#include "images/catalog/attributes.hpp"

namespace kiln::builder {

/// What differs between the architectures that images are built for.
struct Target {
    images::Architecture architecture;
    const char* debian;          // Debian's name of it: "amd64"
    const char* kernel_package;  // the smallest that runs in virtual machines
    /// One that PV-GRUB can unpack: gzip or xz, not LZ4. Empty: none is a paravirtual guest's.
    const char* paravirtual_kernel_package;
    const char* libraries;     // the directory of libraries: "x86_64-linux-gnu"
    const char* loader;        // the dynamic loader, in a tree of packages
    const char* loader_place;  // the directory of a tiny system that it belongs into
    const char* interpreter;   // runs its programs on other hosts: of the package qemu-user-static
    const char* serial_port;   // as Linux names it: "ttyS0"
    bool boots_bios;
    const char* efi_format;  // as grub-mkimage names it: "x86_64-efi"; empty: it has no UEFI
    const char* efi_file;    // the name that firmware tries: "BOOTX64.EFI"
    const char* efi_suffix;  // of signed boot loaders' names: "x64"
    const char* root_type;   // of the root partition: Discoverable Partitions Specification
};

/// Throws Error{InvalidRecipe} for one that no image is built for.
const Target& target_of(images::Architecture architecture);
/// Whether its packages are of another architecture than the host's.
bool is_foreign(const Target& target);

}  // namespace kiln::builder
