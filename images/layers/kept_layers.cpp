#include "images/layers/kept_layers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "images/catalog/layer.hpp"
#include "images/catalog/layer_names.hpp"
#include "images/layers/merging.hpp"

namespace kiln::images {

namespace {

using Children = std::map<LayerId, std::vector<Layer>>;

std::set<LayerId> collected_layers(Session& session, const std::string& region) {
    std::set<LayerId> collected;
    for (const Layer& layer : unneeded_layers(session, region))
        collected.insert(layer.id);
    for (const Merge& merge : possible_merges(session, region))
        collected.insert(merge.layers.begin(), merge.layers.end());
    return collected;
}

bool is_unfinished(const Layer& layer) {
    return layer.state == LayerState::creating || layer.state == LayerState::deleting;
}

/// Why a layer that nobody names is not taken into what stands on it.
std::string reason_of(const Layer& layer, const std::vector<Layer>& children) {
    if (layer.state == LayerState::creating) return "it is being made";
    if (children.size() == 1 && is_unfinished(children.front())) {
        return fmt::format("{}, which stands on it, is {}", children.front().id.str(),
                           to_text(children.front().state));
    }
    std::vector<std::string> ids;
    ids.reserve(children.size());
    for (const Layer& child : children)
        ids.push_back(child.id.str());
    return fmt::format("{} stand on it", fmt::join(ids, " and "));
}

}  // namespace

std::vector<KeptLayer> kept_layers(Session& session, const std::string& region) {
    const auto collected = collected_layers(session, region);
    const auto namers = who_names_layers(session, region);
    auto layers = all_layers(session, region);
    std::ranges::sort(layers, {}, &Layer::id);
    std::set<LayerId> unneeded;
    for (const Layer& layer : unneeded_layers(session, region))
        unneeded.insert(layer.id);
    Children children;
    for (const Layer& layer : layers) {
        if (layer.parent && !unneeded.contains(layer.id)) children[*layer.parent].push_back(layer);
    }
    std::vector<KeptLayer> kept;
    for (const Layer& layer : layers) {
        if (collected.contains(layer.id)) continue;
        const auto namer = namers.find(layer.id);
        kept.push_back({.layer = layer.id,
                        .reason = namer != namers.end() ? namer->second
                                                        : reason_of(layer, children[layer.id])});
    }
    return kept;
}

}  // namespace kiln::images
