#include "images/layers/checked_chain.hpp"

#include "base/database.hpp"

namespace kiln::images {

std::vector<Layer> checked_chain(Database& database, const Pool& pool, const std::string& region,
                                 const LayerId& top) {
    std::vector<Layer> chain =
        database.read([&](Session& session) { return layer_chain(session, region, top); });
    for (const Layer& layer : chain)
        pool.check_parent(layer.id, layer.parent);
    return chain;
}

}  // namespace kiln::images
