#pragma once

#include <optional>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "builder/recipe/recipe.hpp"
#include "images/accounts/caller.hpp"
#include "images/catalog/image.hpp"

namespace kiln::builder {

/// The image that a recipe begins with.
struct BaseImage {
    images::Image image;
    SnapshotId snapshot;  // of its root
    LayerId layer;        // a frozen one
    Bytes size;           // of the volumes that are made of it
};

/// nullopt when the base is made of packages. Throws Error{InvalidAMIID.NotFound} and what else a
/// launch of it would; Error{UnsupportedOperation} for an image without a root on EBS, with other
/// disks, or encrypted, and for a disk that is no image yet.
std::optional<BaseImage> find_base_image(Session& session, const images::Caller& caller,
                                         const Recipe& recipe, Time now);

/// The recipe, with what it leaves to its base. Throws Error{InvalidRecipe} for a size that the
/// base does not fit into.
Recipe completed(Recipe recipe, const std::optional<BaseImage>& base);

}  // namespace kiln::builder
