#include "builder/stages/stage_cache.hpp"

#include <map>

#include "images/catalog/build_layer.hpp"
#include "images/layers/collection.hpp"

namespace kiln::builder {

namespace {

using images::BuildLayer;

bool counts(const BuildLayer& found, const Stage& stage, const std::optional<LayerId>& parent,
            Time now) {
    if (stage.kind == StageKind::base) return now - found.created < base_freshness;
    return found.parent == parent;
}

/// What each layer occupies; those that two accounts have count once.
std::map<LayerId, Bytes> sizes_of(const images::Pool& pool, const std::vector<BuildLayer>& cached) {
    std::map<LayerId, Bytes> sizes;
    for (const BuildLayer& layer : cached) {
        if (sizes.contains(layer.layer)) continue;
        sizes.emplace(layer.layer,
                      pool.exists(layer.layer) ? pool.allocated_size(layer.layer) : Bytes{});
    }
    return sizes;
}

}  // namespace

std::vector<LayerId> cached_layers(Session& session, const images::Scope& scope,
                                   const std::vector<Stage>& stages,
                                   const std::optional<LayerId>& base, Time now) {
    std::vector<LayerId> layers;
    std::optional<LayerId> parent;
    for (const Stage& stage : stages) {
        if (stage.kind == StageKind::base && base) {
            parent = base;
        } else {
            const auto found = images::find_build_layer(session, scope, stage.key);
            if (!found || !counts(*found, stage, parent, now)) break;
            parent = found->layer;
        }
        layers.push_back(*parent);
    }
    return layers;
}

void bound_cache(Database& database, const images::Pool& pool, const std::string& region,
                 Bytes bound) {
    const auto cached =
        database.read([&](Session& session) { return images::build_layers_of(session, region); });
    const auto sizes = sizes_of(pool, cached);
    Bytes total;
    for (const auto& [layer, size] : sizes)
        total = total + size;
    std::vector<BuildLayer> forgotten;
    for (const BuildLayer& layer : cached) {
        if (total <= bound) break;
        total.value -= std::min(total.value, sizes.at(layer.layer).value);
        forgotten.push_back(layer);
    }
    if (forgotten.empty()) return;
    database.write([&](Session& session) {
        for (const BuildLayer& layer : forgotten) {
            images::forget_build_layer(session, {.owner = layer.owner, .region = layer.region},
                                       layer.key);
        }
    });
    images::collect_layers(database, pool, region);
}

std::size_t clear_cache(Database& database, const images::Pool& pool, const images::Scope& scope) {
    const std::size_t forgotten = database.write(
        [&](Session& session) { return images::forget_build_layers(session, scope); });
    images::collect_layers(database, pool, scope.region);
    return forgotten;
}

}  // namespace kiln::builder
