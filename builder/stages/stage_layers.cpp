#include "builder/stages/stage_layers.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/rollback.hpp"
#include "builder/stages/stage_cache.hpp"
#include "images/catalog/build_layer.hpp"
#include "images/catalog/layer.hpp"
#include "images/layers/chain.hpp"
#include "images/layers/checked_chain.hpp"
#include "images/layers/qemu_img.hpp"

namespace kiln::builder {

namespace {

using images::LayerState;

/// Room is left for captures of the instances that are launched of the image.
constexpr std::size_t max_stage_depth = images::long_chain_depth;

}  // namespace

StageLayers::~StageLayers() {
    while (!unfinished_.empty()) {
        const LayerId layer = unfinished_.back();
        unfinished_.pop_back();
        try {
            use_.pool.remove(layer);
            use_.database.write(
                [&](Session& session) { images::delete_layer(session, use_.scope.region, layer); });
        } catch (const Error& error) {
            // The next start of the service removes it.
            log::error("cannot remove {}: {}", layer.str(), error.message());
        }
    }
}

std::vector<LayerId> StageLayers::use_cached(const std::vector<Stage>& stages,
                                             const std::optional<LayerId>& base) {
    const Time now = use_.clock.now();
    return use_.database.write([&](Session& session) {
        auto layers = cached_layers(session, use_.scope, stages, base, now);
        for (std::size_t i = 0; i < layers.size(); ++i) {
            images::pin_layer(session, use_.operation, use_.scope.region, layers[i]);
            images::touch_build_layer(session, use_.scope, stages[i].key, now);
        }
        return layers;
    });
}

LayerId StageLayers::keep_base(const Stage& stage, const std::filesystem::path& disk, Bytes size) {
    LayerId layer = LayerId::generate();
    use_.database.write([&](Session& session) {
        images::insert_layer(session, {.id = layer,
                                       .region = use_.scope.region,
                                       .state = LayerState::creating,
                                       .virtual_size = size,
                                       .created = use_.clock.now()});
    });
    unfinished_.push_back(layer);
    use_.pool.adopt(layer, disk);
    record(stage, layer, std::nullopt);
    return layer;
}

LayerId StageLayers::begin(const LayerId& parent) {
    images::checked_chain(use_.database, use_.pool, use_.scope.region, parent);
    LayerId layer = LayerId::generate();
    const Bytes size = use_.database.write([&](Session& session) {
        const auto below = images::find_layer(session, use_.scope.region, parent).value();
        images::insert_layer(session, {.id = layer,
                                       .region = use_.scope.region,
                                       .parent = parent,
                                       .state = LayerState::creating,
                                       .virtual_size = below.virtual_size,
                                       .created = use_.clock.now()});
        return below.virtual_size;
    });
    unfinished_.push_back(layer);
    use_.pool.create_overlay({.layer = layer, .parent = parent, .size = size});
    return layer;
}

bool StageLayers::is_deep(const LayerId& layer) {
    return use_.database.read([&](Session& session) {
        return images::layer_chain(session, use_.scope.region, layer).size();
    }) > max_stage_depth;
}

LayerId StageLayers::keep(const Stage& stage, const LayerId& layer, const LayerId& parent) {
    const LayerState state = use_.database.read([&](Session& session) {
        return images::find_layer(session, use_.scope.region, layer).value().state;
    });
    if (state != LayerState::frozen) use_.pool.freeze(layer);
    if (!is_deep(layer)) {
        record(stage, layer, parent);
        return layer;
    }
    LayerId flat = flattened(layer);
    record(stage, flat, parent);
    return flat;
}

void StageLayers::keep_failed(const LayerId& layer) {
    use_.pool.freeze(layer);
    use_.database.write([&](Session& session) {
        images::set_layer_state(session, use_.scope.region, layer, LayerState::frozen);
        images::pin_layer(session, use_.operation, use_.scope.region, layer);
    });
    forget_unfinished(layer);
}

/// A layer that reads the same and stands on nothing.
LayerId StageLayers::flattened(const LayerId& layer) {
    images::checked_chain(use_.database, use_.pool, use_.scope.region, layer);
    LayerId flat = LayerId::generate();
    use_.database.write([&](Session& session) {
        images::Layer row = images::find_layer(session, use_.scope.region, layer).value();
        row.id = flat;
        row.parent.reset();
        row.state = LayerState::creating;
        row.created = use_.clock.now();
        images::insert_layer(session, row);
    });
    unfinished_.push_back(flat);
    const std::filesystem::path file = use_.work_directory / (flat.str() + ".qcow2");
    images::qemu_img::flatten(use_.pool.path_of(layer), file, use_.stop);
    use_.pool.adopt(flat, file);
    return flat;
}

void StageLayers::record(const Stage& stage, const LayerId& layer,
                         const std::optional<LayerId>& parent) {
    const Time now = use_.clock.now();
    use_.database.write([&](Session& session) {
        images::set_layer_state(session, use_.scope.region, layer, LayerState::frozen);
        images::pin_layer(session, use_.operation, use_.scope.region, layer);
        images::put_build_layer(session, {.key = stage.key,
                                          .owner = use_.scope.owner,
                                          .region = use_.scope.region,
                                          .layer = layer,
                                          .parent = parent,
                                          .created = now,
                                          .last_used = now});
    });
    forget_unfinished(layer);
}

void StageLayers::forget_unfinished(const LayerId& layer) {
    std::erase(unfinished_, layer);
}

}  // namespace kiln::builder
