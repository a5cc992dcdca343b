#include "images/accounts/account.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/random.hpp"
#include "base/users.hpp"
#include "images/accounts/organization.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t max_name_length = 50;
constexpr std::size_t min_alias_length = 3;
constexpr std::size_t max_alias_length = 63;

struct AccountTable {
    static constexpr const char* name = "accounts";
    static Account blank() { return {.id = placeholder_account()}; }
    static void columns(auto& column, auto& account) {
        column("account_id", account.id);
        column("name", account.name);
        column("alias", account.alias);
        column("state", account.state);
        column("unit_id", account.unit);
        column("created", account.created);
        column("closed", account.closed);
        column("number", account.number);
    }
};

std::int64_t next_number(Session& session) {
    Statement row(session, "select coalesce(max(number), 0) + 1 from accounts", {},
                  {ColumnType::number});
    row.next();
    return row.number(0);
}

std::optional<std::string> find_identity(Session& session) {
    Statement row(session, "select catalog_id from catalog_identity", {}, {ColumnType::text});
    if (!row.next()) return std::nullopt;
    return row.text(0);
}

void refuse_alias_in_use(Session& session, const AccountId& id, const std::string& alias) {
    const auto other =
        select_row<AccountTable>(session, "where alias = :alias", {{"alias", alias}});
    if (!other || other->id == id) return;
    throw Error("EntityAlreadyExists", alias,
                fmt::format("The account alias '{}' already exists: choose another", alias));
}

}  // namespace

bool is_account_name(const std::string& name) {
    return !name.empty() && name.size() <= max_name_length &&
           std::ranges::all_of(name, [](unsigned char c) { return c >= ' ' && c != 0x7f; });
}

void check_account_name(const std::string& name) {
    if (is_account_name(name)) return;
    throw Error("InvalidInputException", name,
                fmt::format("The name of an account has 1 to {} characters", max_name_length));
}

void check_account_alias(const std::string& alias) {
    const bool allowed = std::ranges::all_of(
        alias, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    const bool hyphens_are_within =
        !alias.starts_with('-') && !alias.ends_with('-') && alias.find("--") == std::string::npos;
    if (allowed && hyphens_are_within && !AccountId::is_valid(alias) &&
        alias.size() >= min_alias_length && alias.size() <= max_alias_length) {
        return;
    }
    throw Error("ValidationError", alias,
                fmt::format("The alias '{}' must have {} to {} lower-case letters, digits and "
                            "single hyphens within, and must not be 12 digits",
                            alias, min_alias_length, max_alias_length));
}

void insert_account(Session& session, const Account& account) {
    if (account.alias) refuse_alias_in_use(session, account.id, *account.alias);
    Account counted = account;
    counted.number = next_number(session);
    insert_row<AccountTable>(session, counted);
    update_arns(session, account.id);
}

Account get_account(Session& session, const AccountId& id) {
    auto account = find_account(session, id);
    if (account) return *std::move(account);
    throw Error("AccountNotFoundException", id.str(),
                fmt::format("The account '{}' does not exist", id.str()));
}

std::optional<Account> find_account(Session& session, const AccountId& id) {
    return select_row<AccountTable>(session, "where account_id = :id", {{"id", id.str()}});
}

std::optional<Account> find_account_named(Session& session, const std::string& id_or_alias) {
    return select_row<AccountTable>(session, "where account_id = :name or alias = :name",
                                    {{"name", id_or_alias}});
}

std::vector<Account> list_accounts(Session& session) {
    return select_rows<AccountTable>(session, "order by created, account_id");
}

void rename_account(Session& session, const AccountId& id, const std::string& name) {
    get_account(session, id);
    run_sql(session, "update accounts set name = :name where account_id = :id",
            {{"name", name}, {"id", id.str()}});
}

void set_account_alias(Session& session, const AccountId& id,
                       const std::optional<std::string>& alias) {
    get_account(session, id);
    if (alias) refuse_alias_in_use(session, id, *alias);
    run_sql(session, "update accounts set alias = :alias where account_id = :id",
            {{"alias", to_value(alias)}, {"id", id.str()}});
}

void close_account(Session& session, const AccountId& id, Time now) {
    if (get_account(session, id).state == AccountState::suspended) {
        throw Error("AccountAlreadyClosedException", id.str(),
                    fmt::format("The account '{}' is closed already", id.str()));
    }
    const auto organization = find_organization(session);
    if (organization && organization->management_account == id) {
        throw Error("ConstraintViolationException", id.str(),
                    fmt::format("The account '{}' manages the organization: it cannot be closed",
                                id.str()));
    }
    run_sql(session,
            "update accounts set state = 'SUSPENDED', closed = :now where account_id = :id",
            {{"now", to_value(now)}, {"id", id.str()}});
}

void reopen_account(Session& session, const AccountId& id) {
    get_account(session, id);
    run_sql(session, "update accounts set state = 'ACTIVE', closed = null where account_id = :id",
            {{"id", id.str()}});
}

std::optional<AccountId> find_account_of_uid(Session& session, uid_t uid) {
    Statement row(session, "select account_id from users where uid = :uid",
                  {{"uid", std::int64_t{uid}}}, {ColumnType::text});
    if (!row.next()) return std::nullopt;
    return AccountId(row.text(0));
}

AccountId account_of_uid(Database& database, uid_t uid, Time now) {
    const auto known =
        database.read([&](Session& session) { return find_account_of_uid(session, uid); });
    if (known) return *known;
    const std::string login = name_of_user(uid).value_or("");
    const std::string name = is_account_name(login) ? login : fmt::format("uid {}", uid);
    return database.write([&](Session& session) {
        // Another thread may have seen the user first.
        if (const auto account = find_account_of_uid(session, uid)) return *account;
        AccountId account = AccountId::generate();
        insert_account(session, {.id = account, .name = name, .created = now});
        map_user(session, uid, account);
        return account;
    });
}

void map_user(Session& session, uid_t uid, const AccountId& account) {
    get_account(session, account);
    run_sql(session,
            "insert into users (uid, account_id) values (:uid, :account)"
            " on conflict (uid) do update set account_id = excluded.account_id",
            {{"uid", std::int64_t{uid}}, {"account", account.str()}});
}

std::multimap<AccountId, uid_t> users_of_accounts(Session& session) {
    Statement rows(session, "select account_id, uid from users", {},
                   {ColumnType::text, ColumnType::number});
    std::multimap<AccountId, uid_t> users;
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
