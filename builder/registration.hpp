#pragma once

#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "builder/recipe/recipe.hpp"
#include "images/accounts/caller.hpp"
#include "images/layers/pool.hpp"

namespace kiln::builder {

/// What the catalog says of a build: its image, and the operation that stands while it goes on.
/// Each function is one write transaction. Any thread.

inline constexpr const char* build_operation_kind = "build-image";

struct Registration {
    ImageId image;
    OperationId operation;
};

struct NewBuild {
    const images::Caller& caller;
    std::string name;
    std::string description;
    const Recipe& recipe;
    Time now;
};
/// Inserts the pending image and the operation. Throws for a bad or duplicate name, and
/// Error{DryRunOperation} when the caller only wanted to know.
Registration register_build(Database& database, const NewBuild& build);

struct FinishedBuild {
    const Registration& registration;
    const images::Caller& caller;
    const Recipe& recipe;
    std::filesystem::path disk;  // on the pool's file system; it becomes the layer
    Time now;
};
/// Makes the disk a frozen layer with a snapshot, and the image available.
void publish_build(Database& database, const images::Pool& pool, const FinishedBuild& build);

/// The image has failed for the reason, the operation is over.
void fail_build(Database& database, const Registration& registration, const std::string& reason);
/// The image is deregistered, the operation is over.
void withdraw_build(Database& database, const Registration& registration);

}  // namespace kiln::builder
