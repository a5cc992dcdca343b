#include "launcher/encryption/encrypted_copy.hpp"

#include "base/database.hpp"
#include "images/catalog/layer.hpp"
#include "images/layers/checked_chain.hpp"
#include "launcher/encryption/keys.hpp"
#include "launcher/regions/regions.hpp"

namespace kiln::launcher {

Bytes size_of_source(Database& database, const EncryptedCopy& copy) {
    Bytes size{0};
    if (copy.target.pool.exists(copy.layer)) return size;
    const auto chain = database.read([&](Session& session) {
        return images::layer_chain(session, copy.source.name, copy.from);
    });
    for (const images::Layer& layer : chain)
        size = size + copy.source.pool.allocated_size(layer.id);
    return size;
}

void make_encrypted_copy(Database& database, const EncryptedCopy& copy, Bytes reserve,
                         std::stop_token stop) {
    if (copy.target.pool.exists(copy.layer)) return;
    copy.target.pool.check_space(size_of_source(database, copy), reserve);
    const auto chain =
        images::checked_chain(database, copy.source.pool, copy.source.name, copy.from);
    copy.target.pool.encrypt({.layer = copy.layer,
                              .size = copy.size,
                              .from = copy.source.pool.path_of(copy.from),
                              .from_key = layer_key(copy.source, chain.front().key_id),
                              .key = layer_key(copy.target, copy.key_id).value()},
                             std::move(stop));
}

}  // namespace kiln::launcher
