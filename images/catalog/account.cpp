#include "images/catalog/account.hpp"

#include "base/random.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

std::optional<AccountId> find_account(Session& session, uid_t uid) {
    Statement row(session, "select account_id from accounts where uid = :uid",
                  {{"uid", std::int64_t{uid}}}, {ColumnType::text});
    if (!row.next()) return std::nullopt;
    return AccountId(row.text(0));
}

std::optional<std::string> find_identity(Session& session) {
    Statement row(session, "select catalog_id from catalog_identity", {}, {ColumnType::text});
    if (!row.next()) return std::nullopt;
    return row.text(0);
}

}  // namespace

AccountId account_of_uid(Database& database, uid_t uid, Time now) {
    const auto known = database.read([&](Session& session) { return find_account(session, uid); });
    if (known) return *known;
    return database.write([&](Session& session) {
        // Another thread may have seen the user first.
        if (const auto account = find_account(session, uid)) return *account;
        AccountId account = AccountId::generate();
        run_sql(session,
                "insert into accounts (account_id, uid, created) values (:account, :uid, :created)",
                {{"account", account.str()},
                 {"uid", std::int64_t{uid}},
                 {"created", to_epoch_ms(now)}});
        return account;
    });
}

std::map<AccountId, uid_t> users_of_accounts(Session& session) {
    Statement rows(session, "select account_id, uid from accounts", {},
                   {ColumnType::text, ColumnType::number});
    std::map<AccountId, uid_t> users;
    while (rows.next())
        users.emplace(rows.text(0), static_cast<uid_t>(rows.number(1)));
    return users;
}

std::string catalog_identity(Database& database) {
    const auto known = database.read(find_identity);
    if (known) return *known;
    return database.write([](Session& session) {
        if (const auto identity = find_identity(session)) return *identity;
        std::string identity = random_uuid();
        run_sql(session, "insert into catalog_identity (singleton, catalog_id) values (1, :id)",
                {{"id", identity}});
        return identity;
    });
}

}  // namespace kiln::images
