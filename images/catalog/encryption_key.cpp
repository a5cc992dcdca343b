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

bool is_used(Session& session, const EncryptionKey& key) {
    Statement row(session,
                  "select 1 from layers where key_id = :id union all "
                  "select 1 from snapshots where key_id = :id union all "
                  "select 1 from volumes where key_id = :id limit 1",
                  {{"id", key.id}}, {ColumnType::number});
    return row.next();
}

void delete_encryption_key(Session& session, const std::string& id) {
    run_sql(session, "delete from encryption_keys where key_id = :id", {{"id", id}});
}

}  // namespace kiln::images
