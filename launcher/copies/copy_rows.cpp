#include "launcher/copies/copy_rows.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "images/catalog/image.hpp"
#include "images/catalog/snapshot.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::launcher {

namespace {

using images::Layer;
using images::LayerState;

/// The layers between `top` and what the target has, the base first, and the layer of the target
/// that they stand on.
struct Missing {
    std::vector<Layer> layers;
    std::optional<LayerId> common;
};

Missing find_missing(Session& session, const Copy& copy, const LayerId& top) {
    Missing missing;
    for (const Layer& layer : images::layer_chain(session, copy.source_region, top)) {
        const auto there = images::find_layer(session, copy.region, layer.id);
        if (there && there->state == LayerState::frozen) {
            missing.common = layer.id;
            break;
        }
        missing.layers.push_back(layer);
    }
    std::ranges::reverse(missing.layers);
    return missing;
}

/// The row of an encrypted layer that is about to be made; that of an earlier try is used again.
void insert_encrypted_row(Session& session, const OperationId& operation, const Copy& copy,
                          const CopyPart& part, Time now) {
    const LayerId& layer = part.encrypted_layer.value();
    if (!images::find_layer(session, copy.region, layer)) {
        const auto from = images::find_layer(session, copy.source_region, part.layer).value();
        images::insert_layer(session, {.id = layer,
                                       .region = copy.region,
                                       .parent = std::nullopt,
                                       .state = LayerState::creating,
                                       .virtual_size = from.virtual_size,
                                       .created = now,
                                       .key_id = part.key_id});
    }
    images::pin_layer(session, operation, copy.region, layer);
}

/// Rows of what is about to arrive; those of an earlier try are used again.
void insert_rows(Session& session, const OperationId& operation, const Copy& copy,
                 const Missing& missing, Time now) {
    if (missing.common) images::pin_layer(session, operation, copy.region, *missing.common);
    std::optional<LayerId> parent = missing.common;
    for (const Layer& layer : missing.layers) {
        if (!images::find_layer(session, copy.region, layer.id)) {
            images::insert_layer(session, {.id = layer.id,
                                           .region = copy.region,
                                           .parent = parent,
                                           .state = LayerState::creating,
                                           .virtual_size = layer.virtual_size,
                                           .created = now,
                                           .key_id = layer.key_id});
        }
        images::pin_layer(session, operation, copy.region, layer.id);
        parent = layer.id;
    }
}

}  // namespace

std::string to_json(const Copy& copy) {
    nlohmann::json parts = nlohmann::json::array();
    for (const CopyPart& part : copy.parts) {
        parts.push_back({{"layer", part.layer.str()}, {"snapshot", part.snapshot.str()}});
        if (!part.encrypted_layer) continue;
        parts.back()["encrypted_layer"] = part.encrypted_layer->str();
        parts.back()["key"] = part.key_id;
    }
    nlohmann::json layers = nlohmann::json::array();
    for (const LayerId& layer : copy.layers)
        layers.push_back(layer.str());
    nlohmann::json document{{"source_region", copy.source_region},
                            {"region", copy.region},
                            {"parts", parts},
                            {"layers", layers}};
    if (copy.image) document["image"] = copy.image->str();
    return document.dump();
}

Copy parse_copy(const std::string& json) {
    const nlohmann::json document = nlohmann::json::parse(json);
    Copy copy{.source_region = document.at("source_region").get<std::string>(),
              .region = document.at("region").get<std::string>()};
    if (document.contains("image")) copy.image.emplace(document["image"].get<std::string>());
    for (const nlohmann::json& part : document.at("parts")) {
        copy.parts.push_back({.layer = LayerId(part.at("layer").get<std::string>()),
                              .snapshot = SnapshotId(part.at("snapshot").get<std::string>())});
        if (!part.contains("encrypted_layer")) continue;
        copy.parts.back().encrypted_layer.emplace(part["encrypted_layer"].get<std::string>());
        copy.parts.back().key_id = part.at("key").get<std::string>();
    }
    for (const nlohmann::json& layer : document.at("layers"))
        copy.layers.emplace_back(layer.get<std::string>());
    return copy;
}

std::vector<LayerId> layers_of(Session& session, const Copy& copy) {
    std::vector<LayerId> layers;
    for (const CopyPart& part : copy.parts) {
        if (part.encrypted_layer) {
            layers.push_back(*part.encrypted_layer);
            continue;
        }
        for (const Layer& layer : images::layer_chain(session, copy.source_region, part.layer)) {
            if (std::ranges::find(layers, layer.id) == layers.end()) layers.push_back(layer.id);
        }
    }
    return layers;
}

void insert_copy(Session& session, const images::Operation& operation, const Copy& copy) {
    images::insert_operation(session, operation);
    for (const CopyPart& part : copy.parts)
        images::pin_layer(session, operation.id, copy.source_region, part.layer);
}

void withdraw_copy(Session& session, const images::Operation& operation, Time now) {
    const Copy copy = parse_copy(operation.payload);
    if (copy.image) images::set_image_block_devices(session, *copy.image, {});
    delete_copied_snapshots(session, copy, now);
    images::delete_operation(session, operation.id);
}

std::optional<std::vector<Layer>> insert_missing_layers(Session& session,
                                                        const OperationId& operation,
                                                        const Copy& copy, Time now) {
    std::vector<Layer> all;
    if (!images::operation_is_open(session, operation)) return all;  // withdrawn
    for (const LayerId& layer : copy.layers) {
        const auto there = images::find_layer(session, copy.region, layer);
        if (there && there->state == LayerState::deleting) return std::nullopt;
    }
    for (const CopyPart& part : copy.parts) {
        if (part.encrypted_layer) {
            insert_encrypted_row(session, operation, copy, part, now);
            continue;
        }
        const Missing missing = find_missing(session, copy, part.layer);
        insert_rows(session, operation, copy, missing, now);
        for (const Layer& layer : missing.layers) {
            if (std::ranges::find(all, layer.id, &Layer::id) == all.end()) all.push_back(layer);
        }
    }
    return all;
}

void delete_copied_snapshots(Session& session, const Copy& copy, Time now) {
    for (const CopyPart& part : copy.parts) {
        images::delete_all_tags(session, part.snapshot.str());
        images::delete_snapshot(session, part.snapshot, now);
    }
}

}  // namespace kiln::launcher
