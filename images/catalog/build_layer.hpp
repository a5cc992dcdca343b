#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// A frozen layer that a stage of a build has made, kept for the next build that has the same
/// stage: it is needed as long as this says so.
struct BuildLayer {
    std::string key;  // of the stage: a SHA-256
    AccountId owner;
    std::string region;
    LayerId layer;
    std::optional<LayerId> parent;  // the layer of the stage before; a base has none
    Time created;
    Time last_used;
};

/// Instead of what the account's region had by that key.
void put_build_layer(Session& session, const BuildLayer& layer);
std::optional<BuildLayer> find_build_layer(Session& session, const Scope& scope,
                                           const std::string& key);
/// It was used again.
void touch_build_layer(Session& session, const Scope& scope, const std::string& key, Time now);
/// Of all accounts, least recently used first, and of those the later stages first.
std::vector<BuildLayer> build_layers_of(Session& session, const std::string& region);
/// Nothing to forget is no error.
void forget_build_layer(Session& session, const Scope& scope, const std::string& key);
/// All that the account's region has; returns how many those were.
std::size_t forget_build_layers(Session& session, const Scope& scope);

}  // namespace kiln::images
