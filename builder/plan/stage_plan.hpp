#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "builder/recipe/recipe.hpp"

namespace kiln::builder {

enum class StageKind {
    base,
    offline,  // a step without a boot
    online,   // a step in an instance
};

/// A stage of a build ends in a frozen layer, which stands on that of the stage before.
struct Stage {
    StageKind kind;
    std::string name;  // for people: "step 2: run"
    /// A SHA-256 in hex digits. Stages of one account with the same key make the same of the same.
    std::string key;
    std::optional<std::size_t> step;  // which of the recipe's; a base is none
};

/// The base and a stage for each step. `base` is the layer of the recipe's base image; nullopt: the
/// base is made of packages. A key changes when, and only when, what is done to the disk changes in
/// this stage or in one before: neither names nor time limits do that.
std::vector<Stage> plan_stages(const Recipe& recipe, const std::optional<LayerId>& base);

}  // namespace kiln::builder
