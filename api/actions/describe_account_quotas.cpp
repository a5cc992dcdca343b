#include "api/action.hpp"
#include "base/database.hpp"
#include "launcher/instances/instance_quotas.hpp"

namespace kiln::api {

namespace {

struct QuotaView {
    images::Quota quota;
    std::int64_t used;
    std::optional<std::int64_t> most;
};

struct Result {
    std::vector<QuotaView> quotas;
};

Structure<Result> output() {
    static const auto quota =
        Structure<QuotaView>()
            .text("QuotaName", "quotaName",
                  [](const QuotaView& q) { return std::string(to_text(q.quota)); })
            .integer("Used", "used", [](const QuotaView& q) { return q.used; })
            .integer("Value", "value", [](const QuotaView& q) { return q.most; });
    return Structure<Result>().list(
        "Quotas", "quotaSet", quota, [](const Result& r) -> const auto& { return r.quotas; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& /*arguments*/) {
    Result result = services.database.read([&](Session& session) {
        Result all;
        for (const images::Quota quota : images::all_quotas) {
            all.quotas.push_back({.quota = quota,
                                  .used = launcher::used_of_quota(session, caller.account, quota),
                                  .most = images::find_quota(session, caller.account, quota)});
        }
        return all;
    });
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_account_quotas() {
    return with_handler<Result>(
        {.name = "DescribeAccountQuotas",
         .summary = "Show how much your account has and may have; no value: no limit",
         .example = "kiln describe-account-quotas",
         .parameters = {dry_run_parameter()},
         .table = {.rows = "Quotas", .columns = {"QuotaName", "Used", "Value"}}},
        output(), handle);
}

}  // namespace kiln::api
