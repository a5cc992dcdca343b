#include "launcher/volumes/chain_merger.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "images/catalog/instance.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/volume.hpp"
#include "images/layers/collection.hpp"
#include "images/layers/kept_layers.hpp"
#include "launcher/encryption/keys.hpp"

namespace kiln::launcher {

namespace {

using hypervisor::DomainState;
using images::InstanceState;
using images::Merge;
using images::Volume;

constexpr std::chrono::milliseconds time_between_looks{50};
/// Who reads a chain has its files open after a second or so; a pull by qemu-img takes longer.
constexpr std::chrono::seconds guard_time_limit{2};

/// Zero when the file is gone: somebody was quicker.
Bytes size_of(const images::Pool& pool, const LayerId& layer) {
    return pool.exists(layer) ? pool.allocated_size(layer) : Bytes{0};
}

std::vector<CollectedLayer> unneeded_layers(Database& database, const Region& region) {
    const auto unneeded = database.read(
        [&](Session& session) { return images::unneeded_layers(session, region.name); });
    std::vector<CollectedLayer> layers;
    layers.reserve(unneeded.size());
    for (const images::Layer& layer : unneeded) {
        layers.push_back({.layer = layer.id,
                          .size = size_of(region.pool, layer.id),
                          .fate = LayerFate::remove,
                          .reason = "no volume, snapshot or operation needs it"});
    }
    return layers;
}

std::vector<CollectedLayer> kept_layers(Database& database, const Region& region) {
    const auto kept =
        database.read([&](Session& session) { return images::kept_layers(session, region.name); });
    std::vector<CollectedLayer> layers;
    layers.reserve(kept.size());
    for (const images::KeptLayer& one : kept) {
        layers.push_back({.layer = one.layer,
                          .size = size_of(region.pool, one.layer),
                          .fate = LayerFate::keep,
                          .reason = one.reason});
    }
    return layers;
}

/// The merge's layers, with what becomes of them.
std::vector<CollectedLayer> listed(const Region& region, const Merge& merge,
                                   const std::optional<std::string>& obstacle) {
    std::vector<CollectedLayer> layers;
    layers.reserve(merge.layers.size());
    for (const LayerId& layer : merge.layers) {
        CollectedLayer collected{.layer = layer, .size = size_of(region.pool, layer)};
        collected.fate = obstacle ? LayerFate::keep : LayerFate::merge;
        if (!obstacle) collected.into = merge.into;
        collected.reason =
            obstacle.value_or(fmt::format("merged into {}: only it needs it", merge.into.str()));
        layers.push_back(std::move(collected));
    }
    return layers;
}

void append(GarbageCollection& collection, const std::vector<CollectedLayer>& layers) {
    collection.layers.insert(collection.layers.end(), layers.begin(), layers.end());
}

Bytes total_of(const std::vector<CollectedLayer>& layers) {
    Bytes total{0};
    for (const CollectedLayer& layer : layers) {
        if (layer.fate != LayerFate::keep) total = total + layer.size;
    }
    return total;
}

}  // namespace

std::vector<Merge> ChainMerger::merges_of(const Region& region) const {
    return use_.database.read(
        [&](Session& session) { return images::possible_merges(session, region.name); });
}

/// What in use reads through the layer.
ChainMerger::Obstacle ChainMerger::use_of(const Region& region, const LayerId& layer) const {
    std::map<InstanceId, InstanceState> instances;
    const auto operations = use_.database.read([&](Session& session) {
        instances.clear();
        for (const Volume& volume : images::volumes_reading_through(session, region.name, layer)) {
            if (!volume.attachment) continue;
            const InstanceId& id = volume.attachment->instance;
            instances.emplace(id, images::find_instance(session, id).value().state);
        }
        return images::operations_reading_through(session, region.name, layer);
    });
    if (!operations.empty()) {
        return fmt::format("the operation {} reads through it", operations.front().str());
    }
    for (const auto& [id, state] : instances) {
        if (state != InstanceState::stopped) {
            return fmt::format("the {} instance {} reads through it", images::to_text(state),
                               id.str());
        }
        if (region.hypervisor.domain_state(id.str()) != DomainState::absent) {
            return fmt::format("the stopped instance {} has a domain still", id.str());
        }
    }
    return std::nullopt;
}

GarbageCollection ChainMerger::plan(const Region& region) const {
    GarbageCollection collection{.layers = unneeded_layers(use_.database, region)};
    for (const Merge& merge : merges_of(region))
        append(collection, listed(region, merge, use_of(region, merge.into)));
    append(collection, kept_layers(use_.database, region));
    collection.freed = total_of(collection.layers);
    return collection;
}

void ChainMerger::stop_if_service_stops() const {
    use_.pause.wait_or_throw(std::chrono::milliseconds(0));
}

GarbageCollection ChainMerger::collect(const Region& region) {
    const std::unique_lock lock(collecting_, std::try_to_lock);
    if (!lock) {
        throw Error("RequestLimitExceeded", region.name,
                    "another collection runs: try again when it has ended");
    }
    GarbageCollection collection{.layers = unneeded_layers(use_.database, region)};
    const auto removed = images::collect_layers(use_.database, region.pool, region.name);
    std::erase_if(collection.layers, [&](const CollectedLayer& layer) {
        return std::ranges::find(removed, layer.layer) == removed.end();  // needed again, or gone
    });
    collection.freed = total_of(collection.layers);
    for (const Merge& merge : merges_of(region)) {
        stop_if_service_stops();
        merge_and_list(region, merge, collection);
    }
    return collection;
}

void ChainMerger::merge_and_list(const Region& region, const Merge& merge,
                                 GarbageCollection& collection) {
    auto layers = listed(region, merge, std::nullopt);
    const Bytes before = total_of(layers) + size_of(region.pool, merge.into);
    const auto obstacle = try_merge(region, merge);
    if (obstacle) {
        append(collection, listed(region, merge, obstacle));
        return;
    }
    images::collect_layers(use_.database, region.pool, region.name);
    append(collection, layers);
    const Bytes after = size_of(region.pool, merge.into);
    if (before > after) collection.freed = collection.freed + Bytes{before.value - after.value};
}

/// A live layer's volume, and the instance that it is attached to; none for a frozen one.
ChainMerger::Lanes ChainMerger::lanes_of(const Region& region, const Merge& merge) const {
    const auto volumes = use_.database.read([&](Session& session) {
        return images::volumes_reading_through(session, region.name, merge.into);
    });
    Lanes lanes;
    for (const Volume& volume : volumes) {
        if (volume.layer != merge.into) continue;
        lanes.push_back(volume.id.str());
        if (volume.attachment) lanes.push_back(volume.attachment->instance.str());
    }
    return lanes;
}

ChainMerger::Obstacle ChainMerger::try_merge(const Region& region, const Merge& merge) {
    try {
        if (auto use = use_of(region, merge.into)) return use;
        region.pool.check_space(images::space_needed(region.pool, merge), use_.free_space_reserve);
        const Lanes lanes = lanes_of(region, merge);
        return lanes.empty() ? merge_now(region, merge, use_.pause.token())
                             : merge_in_lanes(region, merge, lanes);
    } catch (const std::exception& error) {
        stop_if_service_stops();  // which is why it failed
        log::warn("{} stays as it is: {}", merge.into.str(), error.what());
        return error.what();
    }
}

/// A live layer is written by jobs in the lanes of its volume and its instance alone.
ChainMerger::Obstacle ChainMerger::merge_in_lanes(const Region& region, const Merge& merge,
                                                  const Lanes& lanes) {
    std::stop_source gives_way;
    auto done = std::make_shared<std::promise<Obstacle>>();
    auto outcome = done->get_future();
    use_.executor.add_for_all(lanes, [this, &region, merge, lanes, done, gives_way] {
        try {
            const bool moved = lanes_of(region, merge) != lanes;  // attached or detached meanwhile
            done->set_value(moved ? "its volume is wanted"
                                  : merge_now(region, merge, gives_way.get_token()));
        } catch (...) {
            done->set_exception(std::current_exception());
        }
    });
    Rollback at_the_end;
    at_the_end.add([&] { gives_way.request_stop(); });
    while (outcome.wait_for(time_between_looks) == std::future_status::timeout) {
        stop_if_service_stops();
        if (use_.executor.is_awaited(lanes)) gives_way.request_stop();
    }
    try {
        return outcome.get();
    } catch (const Error&) {
        if (!gives_way.stop_requested()) throw;
        return "its volume or its instance is wanted";
    }
}

std::optional<images::LayerKey> ChainMerger::key_of(const Region& region,
                                                    const LayerId& layer) const {
    const auto row = use_.database.read(
        [&](Session& session) { return images::find_layer(session, region.name, layer); });
    return row ? layer_key(region, row->key_id) : std::nullopt;
}

ChainMerger::Obstacle ChainMerger::merge_now(const Region& region, const Merge& merge,
                                             const std::stop_token& stop) {
    images::prepare_merge(region.pool, merge, stop, key_of(region, merge.into));
    Rollback undo;
    undo.add([&] { images::abandon_merge(region.pool, merge); });
    const auto alone = region.chains->try_exclude(guard_time_limit);
    if (!alone) return "the region's chains are being read all the time";
    const auto merges = merges_of(region);
    if (std::ranges::find(merges, merge) == merges.end()) return "it is needed since";
    if (auto use = use_of(region, merge.into)) return use;
    images::publish_merge(use_.database, region.pool, region.name, merge);
    undo.commit();
    for (const LayerId& layer : merge.layers)
        log::info("{} was merged into {}", layer.str(), merge.into.str());
    return std::nullopt;
}

}  // namespace kiln::launcher
