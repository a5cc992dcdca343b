#include "images/catalog/layer.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct LayerTable {
    static constexpr const char* name = "layers";
    static Layer blank() { return {.id = placeholder_id<LayerId>()}; }
    static void columns(auto& column, auto& layer) {
        column("layer_id", layer.id);
        column("region", layer.region);
        column("parent_id", layer.parent);
        column("state", layer.state);
        column("virtual_size", layer.virtual_size);
        column("created", layer.created);
    }
};

}  // namespace

void insert_layer(Session& session, const Layer& layer) {
    insert_row<LayerTable>(session, layer);
}

std::optional<Layer> find_layer(Session& session, const LayerId& id) {
    return select_row<LayerTable>(session, "where layer_id = :id", {{"id", id.str()}});
}

std::vector<Layer> layer_chain(Session& session, const LayerId& top) {
    std::vector<Layer> chain;
    for (std::optional<LayerId> next = top; next; next = chain.back().parent) {
        if (chain.size() == longest_readable_chain) {
            throw Error(error_code::internal_error, top.str(),
                        fmt::format("the chain of layer '{}' is longer than {} layers", top.str(),
                                    longest_readable_chain));
        }
        const auto layer = find_layer(session, *next);
        if (!layer) {
            throw Error(error_code::internal_error, next->str(),
                        fmt::format("layer '{}' is not in the catalog", next->str()));
        }
        chain.push_back(*layer);
    }
    return chain;
}

std::unordered_map<std::string, std::int64_t> volume_depths(Session& session, const Scope& scope) {
    Statement rows(session,
                   "with recursive below (top_id, layer_id) as ("
                   "  select layer_id, layer_id from volumes"
                   "    where owner = :owner and region = :region and layer_id is not null"
                   "  union all select below.top_id, layers.parent_id from below"
                   "    join layers on layers.layer_id = below.layer_id"
                   "    where layers.parent_id is not null)"
                   " select top_id, count(*) from below group by top_id",
                   {{"owner", scope.owner.str()}, {"region", scope.region}},
                   {ColumnType::text, ColumnType::number});
    std::unordered_map<std::string, std::int64_t> depths;
    while (rows.next())
        depths.emplace(rows.text(0), rows.number(1));
    return depths;
}

void set_layer_state(Session& session, const LayerId& id, LayerState state) {
    run_sql(session, "update layers set state = :state where layer_id = :id",
            {{"state", to_value(state)}, {"id", id.str()}});
}

void set_layer_parent(Session& session, const LayerId& id, const std::optional<LayerId>& parent) {
    run_sql(session, "update layers set parent_id = :parent where layer_id = :id",
            {{"parent", to_value(parent)}, {"id", id.str()}});
}

void set_layer_size(Session& session, const LayerId& id, Bytes virtual_size) {
    run_sql(session, "update layers set virtual_size = :size where layer_id = :id",
            {{"size", to_value(virtual_size)}, {"id", id.str()}});
}

void delete_layer(Session& session, const LayerId& id) {
    run_sql(session, "delete from layers where layer_id = :id", {{"id", id.str()}});
}

std::vector<Layer> unneeded_layers(Session& session, const std::string& region,
                                   bool with_creating) {
    // What a layer in state creating stands on is needed as long as that layer is.
    return select_rows<LayerTable>(
        session,
        "join (with recursive"
        "  roots (layer_id) as ("
        "    select layer_id from volumes where layer_id is not null"
        "    union select layer_id from snapshots where layer_id is not null"
        "    union select layer_id from layers where state = 'creating' and :with_creating = 0),"
        "  needed (layer_id) as ("
        "    select layer_id from roots"
        "    union select child.parent_id from layers child"
        "      join needed on needed.layer_id = child.layer_id"
        "      where child.parent_id is not null),"
        "  heights (layer_id, height) as ("
        "    select layer_id, 0 from layers where parent_id is null"
        "    union all select child.layer_id, heights.height + 1 from layers child"
        "      join heights on heights.layer_id = child.parent_id)"
        "  select layer_id, height from heights"
        "    where layer_id not in (select layer_id from needed)) unneeded"
        " on unneeded.layer_id = layers.layer_id"
        " where layers.region = :region order by unneeded.height desc, layers.layer_id",
        {{"with_creating", to_value(with_creating)}, {"region", region}});
}

std::vector<Layer> all_layers(Session& session, const std::string& region) {
    return select_rows<LayerTable>(session, "where region = :region order by created, layer_id",
                                   {{"region", region}});
}

}  // namespace kiln::images
