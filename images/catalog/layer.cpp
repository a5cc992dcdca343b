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
        column("key_id", layer.key_id);
    }
};

}  // namespace

void insert_layer(Session& session, const Layer& layer) {
    insert_row<LayerTable>(session, layer);
}

std::optional<Layer> find_layer(Session& session, const std::string& region, const LayerId& id) {
    return select_row<LayerTable>(session, "where region = :region and layer_id = :id",
                                  {{"region", region}, {"id", id.str()}});
}

std::vector<Layer> layer_chain(Session& session, const std::string& region, const LayerId& top) {
    std::vector<Layer> chain;
    for (std::optional<LayerId> next = top; next; next = chain.back().parent) {
        if (chain.size() == longest_readable_chain) {
            throw Error(error_code::internal_error, top.str(),
                        fmt::format("the chain of layer '{}' is longer than {} layers", top.str(),
                                    longest_readable_chain));
        }
        const auto layer = find_layer(session, region, *next);
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
                   "with recursive below (top_id, region, layer_id) as ("
                   "  select layer_id, region, layer_id from volumes"
                   "    where owner = :owner and region = :region and layer_id is not null"
                   "  union all select below.top_id, below.region, layers.parent_id from below"
                   "    join layers on layers.region = below.region"
                   "      and layers.layer_id = below.layer_id"
                   "    where layers.parent_id is not null)"
                   " select top_id, count(*) from below group by top_id",
                   {{"owner", scope.owner.str()}, {"region", scope.region}},
                   {ColumnType::text, ColumnType::number});
    std::unordered_map<std::string, std::int64_t> depths;
    while (rows.next())
        depths.emplace(rows.text(0), rows.number(1));
    return depths;
}

void set_layer_state(Session& session, const std::string& region, const LayerId& id,
                     LayerState state) {
    run_sql(session, "update layers set state = :state where region = :region and layer_id = :id",
            {{"state", to_value(state)}, {"region", region}, {"id", id.str()}});
}

void set_layer_parent(Session& session, const std::string& region, const LayerId& id,
                      const std::optional<LayerId>& parent) {
    run_sql(session,
            "update layers set parent_id = :parent where region = :region and layer_id = :id",
            {{"parent", to_value(parent)}, {"region", region}, {"id", id.str()}});
}

void set_layer_size(Session& session, const std::string& region, const LayerId& id,
                    Bytes virtual_size) {
    run_sql(session,
            "update layers set virtual_size = :size where region = :region and layer_id = :id",
            {{"size", to_value(virtual_size)}, {"region", region}, {"id", id.str()}});
}

void delete_layer(Session& session, const std::string& region, const LayerId& id) {
    run_sql(session, "delete from layers where region = :region and layer_id = :id",
            {{"region", region}, {"id", id.str()}});
}

void pin_layer(Session& session, const OperationId& operation, const std::string& region,
               const LayerId& id) {
    run_sql(session,
            "insert into layer_pins (operation_id, region, layer_id)"
            " values (:operation, :region, :id) on conflict do nothing",
            {{"operation", operation.str()}, {"region", region}, {"id", id.str()}});
}

void unpin_layer(Session& session, const OperationId& operation, const std::string& region,
                 const LayerId& id) {
    run_sql(session,
            "delete from layer_pins"
            " where operation_id = :operation and region = :region and layer_id = :id",
            {{"operation", operation.str()}, {"region", region}, {"id", id.str()}});
}

std::vector<OperationId> operations_reading_through(Session& session, const std::string& region,
                                                    const LayerId& id) {
    Statement rows(session,
                   fmt::format("select distinct operation_id from layer_pins"
                               " where region = :region and layer_id in ({})"
                               " order by operation_id",
                               layers_standing_on),
                   {{"region", region}, {"id", id.str()}}, {ColumnType::text});
    std::vector<OperationId> operations;
    while (rows.next())
        operations.emplace_back(rows.text(0));
    return operations;
}

std::vector<LayerId> pinned_layers(Session& session, const OperationId& operation) {
    Statement rows(session,
                   "select layer_id from layer_pins where operation_id = :operation"
                   " order by layer_id",
                   {{"operation", operation.str()}}, {ColumnType::text});
    std::vector<LayerId> layers;
    while (rows.next())
        layers.emplace_back(rows.text(0));
    return layers;
}

std::set<LayerId> named_layers(Session& session, const std::string& region) {
    Statement rows(session,
                   "select layer_id from volumes where region = :region and layer_id is not null"
                   " union select layer_id from snapshots"
                   "   where region = :region and layer_id is not null"
                   " union select layer_id from layer_pins where region = :region"
                   " union select layer_id from unpacked_images where region = :region"
                   " union select layer_id from build_layers where region = :region",
                   {{"region", region}}, {ColumnType::text});
    std::set<LayerId> layers;
    while (rows.next())
        layers.emplace(rows.text(0));
    return layers;
}

std::vector<Layer> unneeded_layers(Session& session, const std::string& region,
                                   bool with_creating) {
    // What a layer in state creating stands on is needed as long as that layer is.
    return select_rows<LayerTable>(
        session,
        "join (with recursive"
        "  own (layer_id, parent_id, state) as ("
        "    select layer_id, parent_id, state from layers where region = :region),"
        "  roots (layer_id) as ("
        "    select layer_id from volumes where region = :region and layer_id is not null"
        "    union select layer_id from snapshots where region = :region and layer_id is not null"
        "    union select layer_id from layer_pins where region = :region"
        "    union select layer_id from unpacked_images where region = :region"
        "    union select layer_id from build_layers where region = :region"
        "    union select layer_id from own where state = 'creating' and :with_creating = 0),"
        "  needed (layer_id) as ("
        "    select layer_id from roots"
        "    union select child.parent_id from own child"
        "      join needed on needed.layer_id = child.layer_id"
        "      where child.parent_id is not null),"
        "  heights (layer_id, height) as ("
        "    select layer_id, 0 from own where parent_id is null"
        "    union all select child.layer_id, heights.height + 1 from own child"
        "      join heights on heights.layer_id = child.parent_id)"
        "  select layer_id, height from heights"
        "    where layer_id not in (select layer_id from needed)) unneeded"
        " on unneeded.layer_id = layers.layer_id"
        " where layers.region = :region order by unneeded.height desc, layers.layer_id",
        {{"region", region}, {"with_creating", to_value(with_creating)}});
}

std::set<LayerUse> layers_in_use(Session& session) {
    Statement rows(session,
                   "with recursive used (region, layer_id, number) as ("
                   "  select volumes.region, volumes.layer_id, accounts.number from instances"
                   "    join volumes on volumes.instance_id = instances.instance_id"
                   "    join accounts on accounts.account_id = instances.owner"
                   "    where instances.state not in ('stopped', 'terminated')"
                   "      and volumes.layer_id is not null"
                   "  union select used.region, layers.parent_id, used.number from used"
                   "    join layers on layers.region = used.region"
                   "      and layers.layer_id = used.layer_id"
                   "    where layers.parent_id is not null)"
                   " select distinct layer_id, number from used",
                   {}, {ColumnType::text, ColumnType::number});
    std::set<LayerUse> uses;
    while (rows.next())
        uses.insert({.layer = LayerId(rows.text(0)), .account_number = rows.number(1)});
    return uses;
}

std::vector<Layer> all_layers(Session& session, const std::string& region) {
    return select_rows<LayerTable>(session, "where region = :region order by created, layer_id",
                                   {{"region", region}});
}

}  // namespace kiln::images
