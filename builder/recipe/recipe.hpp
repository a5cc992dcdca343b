#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace kiln::builder {

enum class RecipeKind {
    debian,  // a full system from packages: systemd, cloud-init, sshd, guest agent
    tiny,    // kernel, busybox, dropbear and guest agent: boots in seconds, for tests and trials
};

/// What goes into an image. From YAML:
///
///     description: Debian 12 with nginx
///     base: debian-12          # debian-12 or tiny
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
};

/// The built-in recipes: "debian-12", "tiny".
std::vector<std::string> builtin_recipe_names();
/// A built-in recipe. Throws Error{InvalidRecipe} with the nearest name.
Recipe builtin_recipe(const std::string& name);
/// Throws Error{InvalidRecipe} that names the line and the key; unknown keys are refused with "did
/// you mean". `source` is used in messages.
Recipe parse_recipe(const std::string& yaml, const std::string& source);

}  // namespace kiln::builder
