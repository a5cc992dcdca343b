#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "builder/plan/stage_plan.hpp"
#include "images/catalog/scope.hpp"
#include "images/layers/pool.hpp"

namespace kiln::builder {

/// A base from packages is built anew when it is older, so that new packages come into images.
inline constexpr std::chrono::hours base_freshness{24};

/// The layers that earlier builds of the account have made of the first stages, as many as there
/// are: a stage's layer counts only when it stands on that of the stage before. `base` is the layer
/// of the base image, which need not be made.
std::vector<LayerId> cached_layers(Session& session, const images::Scope& scope,
                                   const std::vector<Stage>& stages,
                                   const std::optional<LayerId>& base, Time now);

/// Forgets layers of the region, least recently used first, until what is left occupies no more
/// than `bound`; collects what nothing needs then.
void bound_cache(Database& database, const images::Pool& pool, const std::string& region,
                 Bytes bound);
/// Forgets all that the account has; returns how many layers those were. Images that stand on them
/// stay.
std::size_t clear_cache(Database& database, const images::Pool& pool, const images::Scope& scope);

}  // namespace kiln::builder
