#include "images/accounts/access_key.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/secret_box.hpp"
#include "images/accounts/key_material.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

constexpr std::size_t keys_at_most = 2;

struct AccessKeyTable {
    static constexpr const char* name = "access_keys";
    static AccessKey blank() { return {.account = placeholder_account()}; }
    static void columns(auto& column, auto& key) {
        column("access_key_id", key.id);
        column("account_id", key.account);
        column("sealed_secret", key.sealed_secret);
        column("state", key.state);
        column("created", key.created);
    }
};

void check_present(Session& session, const AccountId& account, const std::string& id) {
    const auto keys = list_access_keys(session, account);
    if (std::ranges::find(keys, id, &AccessKey::id) != keys.end()) return;
    throw Error("NoSuchEntity", id,
                fmt::format("The access key '{}' does not exist in your account", id));
}

}  // namespace

NewAccessKey create_access_key(Session& session, const SecretBox& box, const AccountId& account,
                               Time now) {
    if (list_access_keys(session, account).size() >= keys_at_most) {
        throw Error(
            "LimitExceeded", account.str(),
            fmt::format("An account has at most {} access keys: delete one first", keys_at_most));
    }
    NewAccessKey made{.key = {.id = new_key_id("AKIA"), .account = account, .created = now},
                      .secret = new_secret()};
    made.key.sealed_secret = box.seal(made.secret, made.key.id);
    insert_row<AccessKeyTable>(session, made.key);
    return made;
}

std::optional<AccessKey> find_access_key(Session& session, const std::string& id) {
    return select_row<AccessKeyTable>(session, "where access_key_id = :id", {{"id", id}});
}

std::vector<AccessKey> list_access_keys(Session& session, const AccountId& account) {
    return select_rows<AccessKeyTable>(
        session, "where account_id = :account order by created, access_key_id",
        {{"account", account.str()}});
}

void set_access_key_state(Session& session, const AccountId& account, const std::string& id,
                          AccessKeyState state) {
    check_present(session, account, id);
    run_sql(session, "update access_keys set state = :state where access_key_id = :id",
            {{"state", to_value(state)}, {"id", id}});
}

void delete_access_key(Session& session, const AccountId& account, const std::string& id) {
    check_present(session, account, id);
    run_sql(session, "delete from access_keys where access_key_id = :id", {{"id", id}});
}

}  // namespace kiln::images
