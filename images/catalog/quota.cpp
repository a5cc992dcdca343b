#include "images/catalog/quota.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/statement.hpp"
#include "images/catalog/export_task.hpp"

namespace kiln::images {

namespace {

std::optional<std::int64_t> select_number(Session& session, const char* sql,
                                          const std::vector<SqlParameter>& parameters) {
    Statement row(session, sql, parameters, {ColumnType::number});
    if (!row.next() || row.is_null(0)) return std::nullopt;
    return row.number(0);
}

std::int64_t count(Session& session, const char* sql, const AccountId& account) {
    return select_number(session, sql, {{"account", account.str()}}).value_or(0);
}

const char* error_code_of(Quota quota) {
    switch (quota) {
        case Quota::instances:
            return "InstanceLimitExceeded";
        case Quota::vcpus:
            return "VcpuLimitExceeded";
        case Quota::volume_gib:
            return "VolumeLimitExceeded";
        case Quota::images:
            return "ResourceLimitExceeded";
    }
    std::abort();
}

}  // namespace

std::string_view to_text(Quota quota) {
    switch (quota) {
        case Quota::instances:
            return "instances";
        case Quota::vcpus:
            return "vcpus";
        case Quota::volume_gib:
            return "volume-gib";
        case Quota::images:
            return "images";
    }
    std::abort();
}

std::optional<std::int64_t> find_quota(Session& session, const AccountId& account, Quota quota) {
    return select_number(session,
                         "select most from quotas where account_id = :account and name = :name",
                         {{"account", account.str()}, {"name", std::string(to_text(quota))}});
}

void set_quota(Session& session, const AccountId& account, Quota quota,
               std::optional<std::int64_t> most) {
    const SqlParameter owner{"account", account.str()};
    const SqlParameter name{"name", std::string(to_text(quota))};
    run_sql(session, "delete from quotas where account_id = :account and name = :name",
            {owner, name});
    if (!most) return;
    run_sql(session, "insert into quotas (account_id, name, most) values (:account, :name, :most)",
            {owner, name, {"most", *most}});
}

std::int64_t count_instances(Session& session, const AccountId& account) {
    return count(session,
                 "select count(*) from instances where owner = :account and state <> 'terminated'",
                 account);
}

std::int64_t count_volume_gib(Session& session, const AccountId& account) {
    // A part of a GiB counts as one, and what a volume is about to have as what it has. Files of
    // exports are disks, too.
    return count_export_gib(session, account) +
           count(session,
                 "select sum((case when target_size > size then target_size else size end"
                 "  + 1073741823) / 1073741824) from volumes"
                 " left join volume_modifications"
                 "  on volume_modifications.volume_id = volumes.volume_id"
                 "  and volume_modifications.state = 'modifying'"
                 " where owner = :account and storage = 'ebs'"
                 " and volumes.state in ('creating', 'available', 'in-use')",
                 account);
}

std::int64_t count_images(Session& session, const AccountId& account) {
    return count(session,
                 "select count(*) from images"
                 " where owner = :account and state in ('pending', 'available', 'disabled')",
                 account);
}

void check_quota(Session& session, const AccountId& account, Quota quota,
                 const CountUsed& count_used, std::int64_t more) {
    const auto most = find_quota(session, account, quota);
    if (!most) return;
    const std::int64_t used = count_used(session, account);
    if (used + more <= *most) return;
    throw Error(error_code_of(quota), account.str(),
                fmt::format("You have requested more {0} ({1}) than your current limit of {2} "
                            "allows: {3} are in use. An administrator can raise it: kiln "
                            "modify-account-quotas --account-id {4} --{0} N",
                            to_text(quota), more, *most, used, account.str()));
}

void check_volume_quota(Session& session, const AccountId& account, Bytes more) {
    check_quota(session, account, Quota::volume_gib, count_volume_gib,
                static_cast<std::int64_t>(more.in_gibibytes()));
}

}  // namespace kiln::images
