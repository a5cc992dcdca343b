#include "images/layers/collection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/file.hpp"
#include "base/log.hpp"
#include "images/catalog/layer.hpp"
#include "images/catalog/operation.hpp"
#include "images/layers/merging.hpp"

namespace kiln::images {

namespace {

/// Files first, rows last: a crash in between leaves rows in state deleting, which the next run
/// takes up again. The layers stand children before parents.
void remove_deleting_layers(Database& database, const Pool& pool, const std::string& region,
                            const std::vector<LayerId>& layers) {
    if (layers.empty()) return;
    for (const LayerId& layer : layers)
        pool.remove(layer);
    sync_directory(pool.directory());
    database.write([&](Session& session) {
        for (const LayerId& layer : layers)
            delete_layer(session, region, layer);
    });
}

bool is_named_by(const Operation& operation, const LayerId& layer) {
    return operation.resource_id == layer.str() ||
           operation.payload.find(layer.str()) != std::string::npos;
}

/// Layers in state creating and deleting that nothing needs and no open operation names, children
/// before parents; their state is deleting afterwards.
std::vector<LayerId> condemn_abandoned_layers(Session& session, const std::string& region) {
    const std::vector<Operation> operations = open_operations(session);
    std::set<LayerId> kept;
    std::vector<LayerId> condemned;
    for (const Layer& layer : unneeded_layers(session, region, true)) {
        const bool owned = std::ranges::any_of(operations, [&](const Operation& operation) {
            return is_named_by(operation, layer.id);
        });
        const bool abandoned =
            layer.state == LayerState::creating || layer.state == LayerState::deleting;
        if (owned || kept.contains(layer.id) || !abandoned) {
            // What it stands on stays with it.
            if (layer.parent) kept.insert(*layer.parent);
            continue;
        }
        set_layer_state(session, region, layer.id, LayerState::deleting);
        condemned.push_back(layer.id);
    }
    return condemned;
}

/// Files that no row knows, and rows without a file.
void compare_with_files(Session& session, const std::string& region, const Pool& pool,
                        const std::vector<LayerId>& files) {
    for (const LayerId& file : files) {
        if (find_layer(session, region, file)) continue;
        log::warn("removing '{}': the catalog knows no such layer", pool.path_of(file).string());
        pool.remove(file);
    }
    for (const Layer& layer : all_layers(session, region)) {
        if (layer.state == LayerState::creating || pool.exists(layer.id)) continue;
        log::error("layer {} has no file: '{}' is missing", layer.id.str(),
                   pool.path_of(layer.id).string());
    }
}

}  // namespace

std::vector<LayerId> collect_layers(Database& database, const Pool& pool,
                                    const std::string& region) {
    const auto collecting = pool.collecting();
    auto layers = database.write([&](Session& session) {
        std::vector<LayerId> unneeded;
        for (const Layer& layer : unneeded_layers(session, region)) {
            set_layer_state(session, region, layer.id, LayerState::deleting);
            unneeded.push_back(layer.id);
        }
        return unneeded;
    });
    remove_deleting_layers(database, pool, region, layers);
    return layers;
}

void reconcile_pool(Database& database, const Pool& pool, const std::string& region) {
    recover_merges(database, pool, region);
    const auto collecting = pool.collecting();
    const auto abandoned =
        database.write([&](Session& session) { return condemn_abandoned_layers(session, region); });
    remove_deleting_layers(database, pool, region, abandoned);
    // The files first: a layer's row is written before its file, so none of these is a new one's.
    const std::vector<LayerId> files = pool.files();
    database.read([&](Session& session) { compare_with_files(session, region, pool, files); });
}

}  // namespace kiln::images
