#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "images/catalog/attributes.hpp"

namespace kiln::builder {

enum class RecipeKind {
    debian,  // a full system from packages: systemd, cloud-init, sshd, guest agent
    tiny,    // kernel, busybox, dropbear and guest agent: boots in seconds, for tests and trials
    pv_appliance,  // Xen: what kiln runs paravirtual guests in where Xen is not the hypervisor
};

/// Who loads the kernel.
enum class RecipeBoot {
    boot_loader,   // GRUB on the disk, for BIOS and UEFI
    pv_grub_hd0,   // PV-GRUB of the paravirtual guest; the file system has the disk to itself
    pv_grub_hd00,  // likewise, in the first partition
};

/// What goes into an image. From YAML:
///
///     description: Debian 12 with nginx
///     base: debian-12          # debian-12 or tiny
///     architecture: x86_64     # i386 or arm64
///     boot_mode: legacy-bios   # uefi or uefi-preferred; default legacy-bios, of arm64 uefi
///     secure_boot: true        # signed boot loader and kernel; boot_mode is uefi
///     tpm: true                # its instances have a TPM 2.0; boot_mode is uefi
///     kernel: pv-grub-hd0      # of tiny: a paravirtual image; or pv-grub-hd00
///     mirror: http://…         # optional
///     size: 10GiB              # virtual size of the root disk
///     packages: [nginx]
///     login_user: debian
struct Recipe {
    std::string description;
    RecipeKind kind = RecipeKind::debian;
    std::string suite;   // "bookworm"
    std::string mirror;  // empty: what the host's package manager is set up with
    Bytes size;
    std::vector<std::string> packages;  // besides those of the base
    std::string login_user;
    images::Architecture architecture = images::Architecture::x86_64;
    images::BootMode boot_mode = images::BootMode::legacy_bios;
    bool secure_boot = false;
    bool tpm = false;
    RecipeBoot boot = RecipeBoot::boot_loader;
};

/// What may be said over a recipe, in its own words; what is absent stays.
struct RecipeChanges {
    std::optional<std::string> architecture;
    std::optional<std::string> boot_mode;
    std::optional<bool> secure_boot;
    std::optional<bool> tpm;
    std::optional<std::string> kernel;
    std::optional<std::string> mirror;
};
/// Throws Error{InvalidRecipe} for what does not go together.
void apply(const RecipeChanges& changes, Recipe& recipe);

/// The built-in recipes: "debian-12", "tiny", "pv-appliance".
std::vector<std::string> builtin_recipe_names();
/// A built-in recipe. Throws Error{InvalidRecipe} with the nearest name.
Recipe builtin_recipe(const std::string& name);
/// Throws Error{InvalidRecipe} that names the line and the key; unknown keys are refused with "did
/// you mean". `source` is used in messages.
Recipe parse_recipe(const std::string& yaml, const std::string& source);

}  // namespace kiln::builder
