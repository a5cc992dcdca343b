#pragma once

#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "builder/recipe/recipe.hpp"
#include "builder/stages/base_image.hpp"
#include "images/accounts/caller.hpp"
#include "images/layers/pool.hpp"

namespace kiln::builder {

/// What the catalog says of a build: its image, and the operation that stands while it goes on.
/// Each function that takes a Database is one write transaction. Any thread.

inline constexpr const char* build_operation_kind = "build-image";

struct Registration {
    ImageId image;
    OperationId operation;
};

struct NewBuild {
    const images::Caller& caller;
    std::string name;
    std::string description;
    const Recipe& recipe;  // completed()
    Time now;
    const BaseImage* base = nullptr;  // its layer is pinned by the operation
};
/// Inserts the pending image and the operation, in the transaction of the session. Throws for a bad
/// or duplicate name, and Error{DryRunOperation} when the caller only wanted to know.
Registration register_build(Session& session, const NewBuild& build);

struct FinishedBuild {
    const Registration& registration;
    const images::Caller& caller;
    const Recipe& recipe;
    std::filesystem::path disk;  // on the pool's file system; it becomes the layer
    Time now;
};
/// Makes the disk a frozen layer with a snapshot, and the image available, with the recipe's tags.
void publish_build(Database& database, const images::Pool& pool, const FinishedBuild& build);

/// What a pending image is given as its root: a snapshot of a frozen layer.
struct Root {
    const Registration& registration;
    const images::Caller& caller;
    LayerId layer;
    Bytes stored_size;  // what the layer occupies
    Bytes volume_size;  // of the image's instances; at least the layer's
    /// The snapshot whose product codes it gets, too.
    std::optional<SnapshotId> made_of;
    Time now;
};
/// Instances can be launched for trials; the image stays pending. Instead of the root that it had.
void give_root(Database& database, const Root& root);
/// The image, which has a root, becomes available, with the recipe's tags; the operation is over.
void publish_root(Database& database, const Registration& registration,
                  const images::Caller& caller, const Recipe& recipe);

/// The image has failed for the reason, and loses its root; the operation is over.
void fail_build(Database& database, const Registration& registration, const std::string& reason,
                Time now);
/// The image is deregistered, and loses its root; the operation is over.
void withdraw_build(Database& database, const Registration& registration, Time now);

}  // namespace kiln::builder
