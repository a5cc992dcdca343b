#include "api/action.hpp"
#include "api/shapes/quota.hpp"
#include "base/database.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

QuotaViews handle(Services& services, const images::Caller& caller,
                  const Arguments& /*arguments*/) {
    QuotaViews all = services.database.read([&](Session& session) {
        return load_quota_views(session, services.launcher.types(), caller.account);
    });
    caller.stop_if_dry_run();
    return all;
}

}  // namespace

Action describe_account_quotas() {
    return with_handler<QuotaViews>(
        {.name = "DescribeAccountQuotas",
         .summary = "Show how much your account has and may have; no value: no limit",
         .example = "kiln describe-account-quotas",
         .parameters = {dry_run_parameter()},
         .table = quotas_table()},
        quotas_structure(), handle);
}

}  // namespace kiln::api
