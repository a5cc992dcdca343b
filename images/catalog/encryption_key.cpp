#include "images/catalog/encryption_key.hpp"

#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

struct EncryptionKeyTable {
    static constexpr const char* name = "encryption_keys";
    static EncryptionKey blank() { return {.owner = placeholder_account()}; }
    static void columns(auto& column, auto& key) {
        column("key_id", key.id);
        column("owner", key.owner);
        column("region", key.region);
        column("created", key.created);
    }
};

}  // namespace

void insert_encryption_key(Session& session, const EncryptionKey& key) {
    if (find_encryption_key(session, {.owner = key.owner, .region = key.region})) return;
    insert_row<EncryptionKeyTable>(session, key);
}

std::optional<EncryptionKey> find_encryption_key(Session& session, const Scope& scope) {
    return select_row<EncryptionKeyTable>(session, "where owner = :owner and region = :region",
                                          {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<EncryptionKey> encryption_keys_of_region(Session& session, const std::string& region) {
    return select_rows<EncryptionKeyTable>(session, "where region = :region order by key_id",
                                           {{"region", region}});
}

void delete_encryption_key(Session& session, const std::string& id) {
    run_sql(session, "delete from encryption_keys where key_id = :id", {{"id", id}});
}

}  // namespace kiln::images
