#pragma once

#include <optional>
#include <string>

#include "api/protocol/query.hpp"

namespace kiln::cli {

/// The disk that a recipe begins with, which is to be an image before it can.
struct BaseDisk {
    std::string source;  // a file of the user's, or a URL
    std::string sha256;
};

/// A recipe as the user names it: a built-in one, or a file of YAML.
struct RecipeArgument {
    /// What a request says of it. The files that it names are in them: the service may not see
    /// them, or others of those names.
    api::WirePairs pairs;
    std::optional<BaseDisk> base = {};
};

/// Throws for a file that cannot be read, or that lies outside of the recipe's directory.
RecipeArgument read_recipe(const std::string& recipe);

}  // namespace kiln::cli
