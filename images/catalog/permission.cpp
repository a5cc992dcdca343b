#include "images/catalog/permission.hpp"

#include <fmt/format.h>

#include "base/statement.hpp"

namespace kiln::images {

namespace {

struct ImagePermissions {
    static constexpr const char* table = "image_permissions";
    static constexpr const char* resources = "images";
    static constexpr const char* key = "image_id";
};
struct SnapshotPermissions {
    static constexpr const char* table = "snapshot_permissions";
    static constexpr const char* resources = "snapshots";
    static constexpr const char* key = "snapshot_id";
};

template <class Permissions>
std::vector<std::string> select_grantees(Session& session, const std::string& id) {
    static const std::string sql =
        fmt::format("select grantee from {} where {} = :id order by grantee", Permissions::table,
                    Permissions::key);
    Statement rows(session, sql, {{"id", id}}, {ColumnType::text});
    std::vector<std::string> grantees;
    while (rows.next())
        grantees.push_back(rows.text(0));
    return grantees;
}

template <class Permissions>
void insert_grantee(Session& session, const std::string& id, const std::string& grantee) {
    static const std::string sql =
        fmt::format("insert into {0} ({1}, grantee) values (:id, :grantee) on conflict do nothing",
                    Permissions::table, Permissions::key);
    run_sql(session, sql, {{"id", id}, {"grantee", grantee}});
}

template <class Permissions>
void delete_grantee(Session& session, const std::string& id, const std::string& grantee) {
    static const std::string sql =
        fmt::format("delete from {} where {} = :id and grantee = :grantee", Permissions::table,
                    Permissions::key);
    run_sql(session, sql, {{"id", id}, {"grantee", grantee}});
}

template <class Permissions>
void delete_grantees(Session& session, const std::string& id) {
    static const std::string sql =
        fmt::format("delete from {} where {} = :id", Permissions::table, Permissions::key);
    run_sql(session, sql, {{"id", id}});
}

template <class Permissions>
bool is_grantee(Session& session, const std::string& id, const std::string& grantee) {
    static const std::string sql =
        fmt::format("select 1 from {} where {} = :id and grantee = :grantee", Permissions::table,
                    Permissions::key);
    Statement row(session, sql, {{"id", id}, {"grantee", grantee}}, {ColumnType::number});
    return row.next();
}

/// Whether one of the two, or an ARN that the account may be meant by, is a grantee, and the
/// owner's account is not closed.
template <class Permissions>
bool is_granted(Session& session, const std::string& id, const std::string& account,
                const std::string& group) {
    static const std::string sql = fmt::format(
        "select 1 where (exists (select 1 from {0} where {1} = :id and grantee = :account)"
        "  or exists (select 1 from {0} where {1} = :id and grantee = :group)"
        "  or exists (select 1 from account_arns cross join {0}"
        "   where account_arns.account_id = :account"
        "    and {0}.{1} = :id and {0}.grantee = account_arns.arn))"
        " and not exists (select 1 from {2} join accounts on accounts.account_id = {2}.owner"
        "  where {2}.{1} = :id and accounts.state = 'SUSPENDED')",
        Permissions::table, Permissions::key, Permissions::resources);
    Statement row(session, sql, {{"id", id}, {"account", account}, {"group", group}},
                  {ColumnType::number});
    return row.next();
}

}  // namespace

std::vector<std::string> grantees_of(Session& session, const ImageId& id) {
    return select_grantees<ImagePermissions>(session, id.str());
}

std::vector<std::string> grantees_of(Session& session, const SnapshotId& id) {
    return select_grantees<SnapshotPermissions>(session, id.str());
}

void grant(Session& session, const ImageId& id, const std::string& grantee) {
    insert_grantee<ImagePermissions>(session, id.str(), grantee);
}

void grant(Session& session, const SnapshotId& id, const std::string& grantee) {
    insert_grantee<SnapshotPermissions>(session, id.str(), grantee);
}

void revoke(Session& session, const ImageId& id, const std::string& grantee) {
    delete_grantee<ImagePermissions>(session, id.str(), grantee);
}

void revoke(Session& session, const SnapshotId& id, const std::string& grantee) {
    delete_grantee<SnapshotPermissions>(session, id.str(), grantee);
}

void revoke_all(Session& session, const ImageId& id) {
    delete_grantees<ImagePermissions>(session, id.str());
}

void revoke_all(Session& session, const SnapshotId& id) {
    delete_grantees<SnapshotPermissions>(session, id.str());
}

bool is_shared_with(Session& session, const ImageId& id, const AccountId& account) {
    return is_granted<ImagePermissions>(session, id.str(), account.str(), everybody);
}

bool is_shared_with(Session& session, const SnapshotId& id, const AccountId& account) {
    return is_granted<SnapshotPermissions>(session, id.str(), account.str(), everybody);
}

bool is_shared_explicitly_with(Session& session, const ImageId& id, const AccountId& account) {
    return is_granted<ImagePermissions>(session, id.str(), account.str(), account.str());
}

bool has_grantee(Session& session, const ImageId& id, const std::string& grantee) {
    return is_grantee<ImagePermissions>(session, id.str(), grantee);
}

bool has_grantee(Session& session, const SnapshotId& id, const std::string& grantee) {
    return is_grantee<SnapshotPermissions>(session, id.str(), grantee);
}

}  // namespace kiln::images
