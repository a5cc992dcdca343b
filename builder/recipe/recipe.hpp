#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/units.hpp"
#include "builder/recipe/step.hpp"
#include "images/catalog/attributes.hpp"
#include "images/catalog/tag.hpp"

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

/// The base is made of packages: the recipe's kind, suite and mirror say how.
struct PackagesBase {
    bool operator==(const PackagesBase&) const = default;
};
/// The base is an image that the caller may launch.
struct ImageBase {
    std::string image;  // its id, or an alias of it

    bool operator==(const ImageBase&) const = default;
};
/// The base is the newest of the caller's region's available images that match.
struct NewestBase {
    std::string owner = "self";  // or an account's id
    std::string name;            // '*' and '?' are wildcards; empty: any
    std::optional<images::Architecture> architecture;
    std::vector<std::pair<std::string, std::string>> tags;  // it has all of them

    bool operator==(const NewestBase&) const = default;
};
/// The base is a disk from elsewhere, of which an image was made that has the disk's checksum as
/// its tag imported_disk_tag. One of file and url is empty.
struct ForeignBase {
    std::string file;
    std::string url;
    std::string sha256;

    bool operator==(const ForeignBase&) const = default;
};
inline constexpr const char* imported_disk_tag = "kiln:disk-sha256";
using RecipeBase = std::variant<PackagesBase, ImageBase, NewestBase, ForeignBase>;

/// What goes into an image, and what becomes of it. docs/recipes.md says how it is written.
struct Recipe {
    std::string description;  // empty: as the image's that is the base
    RecipeBase base;
    RecipeKind kind = RecipeKind::debian;
    std::string suite;                  // "bookworm"
    std::string mirror;                 // empty: what the host's package manager is set up with
    Bytes size;                         // 0: as the image's that is the base
    std::vector<std::string> packages;  // of a base from packages, besides its own
    std::string login_user;             // empty: as the image's that is the base
    images::Architecture architecture = images::Architecture::x86_64;
    images::BootMode boot_mode = images::BootMode::legacy_bios;
    bool secure_boot = false;
    bool tpm = false;
    RecipeBoot boot = RecipeBoot::boot_loader;
    std::vector<Step> steps;
    std::vector<VerifyStep> verify;
    std::string name;     // a template, see expand_name(); may be empty
    std::string version;  // for the template
    std::vector<images::Tag> tags;
    std::vector<std::string> launch_permissions;  // account ids, ARNs, "all"
    std::vector<std::string> regions;             // to copy the image to
};

inline bool is_made_of_packages(const Recipe& recipe) {
    return std::holds_alternative<PackagesBase>(recipe.base);
}

/// Of the files that a recipe names, all together: they go along in one request.
inline constexpr Bytes max_sources_size = Bytes{512U << 10U};
inline constexpr std::size_t max_steps = 30;

/// What may be said over a recipe, in its own words; what is absent stays.
struct RecipeChanges {
    std::optional<std::string> architecture;
    std::optional<std::string> boot_mode;
    std::optional<bool> secure_boot;
    std::optional<bool> tpm;
    std::optional<std::string> kernel;
    std::optional<std::string> mirror;

    bool empty() const {
        return !architecture && !boot_mode && !secure_boot && !tpm && !kernel && !mirror;
    }
};
/// Throws Error{InvalidRecipe} for what does not go together, and for any change of a recipe whose
/// base is no packages.
void apply(const RecipeChanges& changes, Recipe& recipe);

/// The built-in recipes: "debian-12", "debian-13", "tiny", "pv-appliance".
std::vector<std::string> builtin_recipe_names();
/// A built-in recipe. Throws Error{InvalidRecipe} with the nearest name.
Recipe builtin_recipe(const std::string& name);

/// The content of a file that the recipe names, by that name: a path below the recipe's own
/// directory. Throws Error when it cannot be had.
using ReadSource = std::function<std::string(const std::string& name)>;
/// Knows no file.
std::string no_source(const std::string& name);

/// Throws Error{InvalidRecipe} that names the line, the column and the key; unknown keys are
/// refused with "did you mean". `source` is used in messages.
Recipe parse_recipe(const std::string& yaml, const std::string& source,
                    const ReadSource& read_source = no_source);

}  // namespace kiln::builder
