#include "builder/recipe/recipe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "base/error.hpp"
#include "builder/recipe/target.hpp"
#include "builder/recipe/yaml_reader.hpp"
#include "images/firmware/check_firmware.hpp"

namespace kiln::builder {

namespace {

// std::regex needs stack for each character.
constexpr std::size_t max_mirror_length = 1'024;

bool is_mirror(const std::string& text) {
    static const std::regex address("https?://[^\\s'\"]+");
    return text.size() <= max_mirror_length && std::regex_match(text, address);
}

/// What is wrong with the recipe's key: the error's resource.
[[noreturn]] void refuse(const char* key, const std::string& why) {
    throw Error(invalid_recipe, key, why);
}

images::Architecture architecture_named(const std::string& name) {
    static const std::vector<std::string> known{"x86_64", "i386", "arm64"};
    if (std::ranges::find(known, name) != known.end()) return images::parse_architecture(name);
    refuse("architecture",
           fmt::format("unknown architecture '{}'{}", name, did_you_mean(name, known)));
}

images::BootMode boot_mode_named(const std::string& name) {
    static const std::vector<std::string> known{"legacy-bios", "uefi", "uefi-preferred"};
    if (std::ranges::find(known, name) != known.end()) return images::parse_boot_mode(name);
    refuse("boot_mode", fmt::format("unknown boot_mode '{}'{}", name, did_you_mean(name, known)));
}

RecipeBoot kernel_named(const std::string& name) {
    if (name == "pv-grub-hd0") return RecipeBoot::pv_grub_hd0;
    if (name == "pv-grub-hd00") return RecipeBoot::pv_grub_hd00;
    refuse("kernel",
           fmt::format("unknown kernel '{}': expecting pv-grub-hd0 or pv-grub-hd00", name));
}

void check_firmware(const Recipe& recipe) {
    const Target& target = target_of(recipe.architecture);
    const auto architecture = to_text(recipe.architecture);
    const bool is_uefi = recipe.boot_mode == images::BootMode::uefi;
    if (*target.efi_format == '\0') {
        if (recipe.secure_boot)
            refuse("secure_boot", fmt::format("{} has no secure_boot", architecture));
        if (recipe.tpm) refuse("tpm", fmt::format("{} has no tpm", architecture));
        if (recipe.boot_mode != images::BootMode::legacy_bios)
            refuse("boot_mode",
                   fmt::format("{} boots through BIOS: boot_mode is legacy-bios", architecture));
    }
    if (!target.boots_bios && !is_uefi)
        refuse("boot_mode", fmt::format("{} boots through UEFI: boot_mode is uefi", architecture));
    if (recipe.secure_boot && !is_uefi) refuse("secure_boot", "secure_boot needs boot_mode: uefi");
    if (recipe.tpm && !is_uefi) refuse("tpm", "tpm needs boot_mode: uefi");
}

void check_kernel(const Recipe& recipe) {
    if (recipe.boot == RecipeBoot::boot_loader) return;
    if (recipe.kind != RecipeKind::tiny) refuse("kernel", "kernel is for the base 'tiny'");
    if (*target_of(recipe.architecture).paravirtual_kernel_package == '\0')
        refuse("kernel", fmt::format("Debian's kernel for {} is no paravirtual guest's",
                                     to_text(recipe.architecture)));
    if (recipe.boot_mode != images::BootMode::legacy_bios)
        refuse("kernel", "a paravirtual guest has no firmware: leave boot_mode out");
}

void check_machine(const Recipe& recipe) {
    if (recipe.kind == RecipeKind::pv_appliance &&
        (recipe.architecture != images::Architecture::x86_64 ||
         recipe.boot_mode != images::BootMode::legacy_bios)) {
        refuse("base", "the pv-appliance is of the architecture x86_64 and boots through BIOS");
    }
    check_firmware(recipe);
    check_kernel(recipe);
}

}  // namespace

void apply(const RecipeChanges& changes, Recipe& recipe) {
    if (!is_made_of_packages(recipe)) {
        if (changes.empty()) return;
        refuse("base",
               "the architecture, the firmware and the kernel are those of the base, and "
               "there is no mirror: leave them out");
    }
    if (changes.architecture) {
        const auto architecture = architecture_named(*changes.architecture);
        // What it says of one architecture's firmware is not said of another's.
        if (architecture != recipe.architecture)
            recipe.boot_mode = images::default_boot_mode(architecture);
        recipe.architecture = architecture;
    }
    if (changes.secure_boot) recipe.secure_boot = *changes.secure_boot;
    if (changes.tpm) recipe.tpm = *changes.tpm;
    // Both can be had with UEFI alone, so that nobody needs to say it.
    if (recipe.secure_boot || recipe.tpm) recipe.boot_mode = images::BootMode::uefi;
    if (changes.boot_mode) recipe.boot_mode = boot_mode_named(*changes.boot_mode);
    if (changes.kernel) recipe.boot = kernel_named(*changes.kernel);
    if (changes.mirror) {
        if (!is_mirror(*changes.mirror)) {
            refuse("mirror", fmt::format("the mirror is no http or https address: '{}'",
                                         changes.mirror->substr(0, 80)));
        }
        recipe.mirror = *changes.mirror;
    }
    check_machine(recipe);
}

std::vector<std::string> builtin_recipe_names() {
    return {"debian-12", "debian-13", "tiny", "pv-appliance"};
}

Recipe builtin_recipe(const std::string& name) {
    if (name == "debian-12") {
        return {.description = "Debian 12 (bookworm)",
                .kind = RecipeKind::debian,
                .suite = "bookworm",
                .size = Bytes::gibibytes(8),
                .login_user = "debian"};
    }
    if (name == "debian-13") {
        return {.description = "Debian 13 (trixie)",
                .kind = RecipeKind::debian,
                .suite = "trixie",
                .size = Bytes::gibibytes(8),
                .login_user = "debian"};
    }
    if (name == "tiny") {
        return {.description = "Linux, busybox, dropbear and the guest agent",
                .kind = RecipeKind::tiny,
                .suite = "bookworm",
                .size = Bytes::mebibytes(256),
                .login_user = "root"};
    }
    if (name == "pv-appliance") {
        return {.description = "Xen, which runs paravirtual guests without virtualization hardware",
                .kind = RecipeKind::pv_appliance,
                .suite = "bookworm",
                .size = Bytes::mebibytes(256),
                .login_user = "root"};
    }
    throw Error(
        invalid_recipe, name,
        fmt::format("no built-in recipe '{}'{}", name, did_you_mean(name, builtin_recipe_names())));
}

std::string no_source(const std::string& name) {
    throw Error(invalid_recipe, name,
                fmt::format("the file '{}' did not come with the recipe: 'kiln build' sends it "
                            "along",
                            name));
}

}  // namespace kiln::builder
