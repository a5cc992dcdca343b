#include <fmt/format.h>

#include "api/action.hpp"
#include "api/shapes/account.hpp"
#include "api/shapes/quota.hpp"
#include "base/error.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

struct QuotaParameter {
    const char* name;
    images::Quota quota;
    const char* help;
};

constexpr QuotaParameter quota_parameters[] = {
    {"Instances", images::Quota::instances, "Instances that are not terminated"},
    {"Vcpus", images::Quota::vcpus, "vCPUs of instances that run"},
    {"VolumeGib", images::Quota::volume_gib, "GiB of volumes"},
    {"Images", images::Quota::images, "Images"}};
constexpr std::int64_t unlimited = -1;

std::vector<Parameter> parameters() {
    std::vector<Parameter> all;
    for (const QuotaParameter& parameter : quota_parameters) {
        all.push_back(
            {.name = parameter.name,
             .wire = parameter.name,
             .shape = Shape::integer,
             .help = fmt::format("{} at most, in all regions; -1: no limit", parameter.help)});
    }
    return all;
}

void modify(Services& /*services*/, Session& session, const AccountId& id,
            const Arguments& arguments) {
    images::get_account(session, id);
    bool any = false;
    for (const QuotaParameter& parameter : quota_parameters) {
        const auto most = arguments.integer(parameter.name);
        if (!most) continue;
        any = true;
        if (*most < unlimited) {
            throw Error(error_code::invalid_parameter_value, std::to_string(*most),
                        fmt::format("Invalid value '{}' for {}: expecting 0 or more, or -1 for no "
                                    "limit",
                                    *most, parameter.name));
        }
        images::set_quota(session, id, parameter.quota, *most == unlimited ? std::nullopt : most);
    }
    if (any) return;
    throw Error(error_code::missing_parameter, "",
                "The request must contain one of Instances, Vcpus, VolumeGib and Images");
}

}  // namespace

Action modify_account_quotas() {
    return action_on_account<QuotaViews>(
        {.name = "ModifyAccountQuotas",
         .summary = "Limit what an account may have; what it has already stays",
         .example = "kiln modify-account-quotas --account-id 123456789012 --instances 10",
         .parameters = parameters(),
         .table = quotas_table()},
        quotas_structure(), modify, [](Services& services, Session& session, const AccountId& id) {
            return load_quota_views(session, services.launcher.types(), id);
        });
}

}  // namespace kiln::api
