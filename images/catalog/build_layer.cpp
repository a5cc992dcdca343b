#include "images/catalog/build_layer.hpp"

#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct BuildLayerTable {
    static constexpr const char* name = "build_layers";
    static BuildLayer blank() {
        return {.owner = placeholder_account(), .layer = placeholder_id<LayerId>()};
    }
    static void columns(auto& column, auto& layer) {
        column("build_key", layer.key);
        column("owner", layer.owner);
        column("region", layer.region);
        column("layer_id", layer.layer);
        column("parent_id", layer.parent);
        column("created", layer.created);
        column("last_used", layer.last_used);
    }
};

constexpr const char* by_key =
    "where owner = :owner and region = :region and build_key = :build_key";

std::vector<SqlParameter> key_of(const Scope& scope, const std::string& key) {
    return {{"owner", scope.owner.str()}, {"region", scope.region}, {"build_key", key}};
}

}  // namespace

void put_build_layer(Session& session, const BuildLayer& layer) {
    forget_build_layer(session, {.owner = layer.owner, .region = layer.region}, layer.key);
    insert_row<BuildLayerTable>(session, layer);
}

std::optional<BuildLayer> find_build_layer(Session& session, const Scope& scope,
                                           const std::string& key) {
    return select_row<BuildLayerTable>(session, by_key, key_of(scope, key));
}

void touch_build_layer(Session& session, const Scope& scope, const std::string& key, Time now) {
    auto parameters = key_of(scope, key);
    parameters.push_back({"now", to_value(now)});
    run_sql(session, fmt::format("update build_layers set last_used = :now {}", by_key),
            parameters);
}

std::vector<BuildLayer> build_layers_of(Session& session, const std::string& region) {
    return select_rows<BuildLayerTable>(
        session, "where region = :region order by last_used, created desc, build_key",
        {{"region", region}});
}

void forget_build_layer(Session& session, const Scope& scope, const std::string& key) {
    run_sql(session, fmt::format("delete from build_layers {}", by_key), key_of(scope, key));
}

std::size_t forget_build_layers(Session& session, const Scope& scope) {
    std::size_t forgotten = 0;
    for (const BuildLayer& layer : build_layers_of(session, scope.region)) {
        if (layer.owner != scope.owner) continue;
        forget_build_layer(session, scope, layer.key);
        ++forgotten;
    }
    return forgotten;
}

}  // namespace kiln::images
