#include "api/shapes/quota.hpp"

#include "launcher/instances/instance_quotas.hpp"

namespace kiln::api {

Structure<QuotaViews> quotas_structure() {
    static const auto quota =
        Structure<QuotaView>()
            .text("QuotaName", "quotaName",
                  [](const QuotaView& q) { return std::string(to_text(q.quota)); })
            .integer("Used", "used", [](const QuotaView& q) { return q.used; })
            .integer("Value", "value", [](const QuotaView& q) { return q.most; });
    return Structure<QuotaViews>().list(
        "Quotas", "quotaSet", quota,
        [](const QuotaViews& all) -> const auto& { return all.quotas; });
}

Table quotas_table() {
    return {.rows = "Quotas", .columns = {"QuotaName", "Used", "Value"}};
}

QuotaViews load_quota_views(Session& session, const launcher::InstanceTypes& types,
                            const AccountId& account) {
    QuotaViews all;
    for (const images::Quota quota : images::all_quotas) {
        all.quotas.push_back({.quota = quota,
                              .used = launcher::used_of_quota(session, types, account, quota),
                              .most = images::find_quota(session, account, quota)});
    }
    return all;
}

}  // namespace kiln::api
