#include "images/catalog/key_pair.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct KeyPairTable {
    static constexpr const char* name = "key_pairs";
    static KeyPair blank() {
        return {.id = placeholder_id<KeyPairId>(), .owner = placeholder_account()};
    }
    static void columns(auto& column, auto& key_pair) {
        column("key_pair_id", key_pair.id);
        column("owner", key_pair.owner);
        column("region", key_pair.region);
        column("key_name", key_pair.name);
        column("key_type", key_pair.type);
        column("fingerprint", key_pair.fingerprint);
        column("public_key", key_pair.public_key);
        column("created", key_pair.created);
    }
};

}  // namespace

void insert_key_pair(Session& session, const KeyPair& key_pair) {
    const Scope scope{.owner = key_pair.owner, .region = key_pair.region};
    if (find_key_pair(session, scope, key_pair.name)) {
        throw Error("InvalidKeyPair.Duplicate", key_pair.name,
                    fmt::format("The keypair '{}' already exists.", key_pair.name));
    }
    insert_row<KeyPairTable>(session, key_pair);
}

KeyPair get_key_pair(Session& session, const Scope& scope, const std::string& name) {
    if (auto key_pair = find_key_pair(session, scope, name)) return *std::move(key_pair);
    throw Error("InvalidKeyPair.NotFound", name,
                fmt::format("The key pair '{}' does not exist", name));
}

std::optional<KeyPair> find_key_pair(Session& session, const Scope& scope,
                                     const std::string& name) {
    return select_row<KeyPairTable>(
        session, "where owner = :owner and region = :region and key_name = :name",
        {{"owner", scope.owner.str()}, {"region", scope.region}, {"name", name}});
}

std::vector<KeyPair> list_key_pairs(Session& session, const Scope& scope) {
    return select_rows<KeyPairTable>(session,
                                     "where owner = :owner and region = :region order by key_name",
                                     {{"owner", scope.owner.str()}, {"region", scope.region}});
}

void delete_key_pair(Session& session, const KeyPairId& id) {
    run_sql(session, "delete from key_pairs where key_pair_id = :id", {{"id", id.str()}});
}

}  // namespace kiln::images
