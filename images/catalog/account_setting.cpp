#include "images/catalog/account_setting.hpp"

#include "base/statement.hpp"

namespace kiln::images {

std::optional<std::string> find_setting(Session& session, const Scope& scope, const char* name) {
    Statement row(session,
                  "select value from account_settings"
                  " where account_id = :account and region = :region and name = :name",
                  {{"account", scope.owner.str()}, {"region", scope.region}, {"name", name}},
                  {ColumnType::text});
    if (!row.next()) return std::nullopt;
    return row.text(0);
}

void set_setting(Session& session, const Scope& scope, const char* name, const std::string& value) {
    run_sql(session,
            "insert into account_settings (account_id, region, name, value)"
            " values (:account, :region, :name, :value)"
            " on conflict (account_id, region, name) do update set value = excluded.value",
            {{"account", scope.owner.str()},
             {"region", scope.region},
             {"name", name},
             {"value", value}});
}

}  // namespace kiln::images
