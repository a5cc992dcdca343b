#include <fmt/format.h>

#include <algorithm>

#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "base/database.hpp"
#include "images/catalog/quota.hpp"
#include "launcher/launcher.hpp"
#include "launcher/network/launch_network.hpp"

namespace kiln::api {

namespace {

struct Attribute {
    std::string name;
    std::string value;
};

struct Result {
    std::vector<Attribute> attributes;
};

constexpr const char* names[] = {"default-vpc",         "max-elastic-ips",
                                 "max-instances",       "supported-platforms",
                                 "vpc-max-elastic-ips", "vpc-max-security-groups-per-interface"};

Structure<Result> output() {
    static const auto value = Structure<std::string>().text(
        "AttributeValue", "attributeValue", [](const std::string& text) { return text; });
    static const auto attribute =
        Structure<Attribute>()
            .text("AttributeName", "attributeName", [](const Attribute& a) { return a.name; })
            .list("AttributeValues", "attributeValueSet", value,
                  [](const Attribute& a) { return std::vector<std::string>{a.value}; });
    return Structure<Result>().list(
        "AccountAttributes", "accountAttributeSet", attribute,
        [](const Result& r) -> const auto& { return r.attributes; });
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const auto wanted = arguments.texts("AttributeName");
    const auto most_instances = services.database.read([&](Session& session) {
        return images::find_quota(session, caller.account, images::Quota::instances);
    });
    std::vector<Attribute> all{
        {.name = "default-vpc", .value = services.launcher.vpc(caller).id.str()},
        {.name = "supported-platforms", .value = "VPC"},
        {.name = "vpc-max-security-groups-per-interface",
         .value = std::to_string(launcher::max_groups_per_interface)}};
    if (most_instances)
        all.push_back({.name = "max-instances", .value = std::to_string(*most_instances)});
    Result result;
    for (const Attribute& attribute : all) {
        if (wanted.empty() || std::ranges::find(wanted, attribute.name) != wanted.end())
            result.attributes.push_back(attribute);
    }
    caller.stop_if_dry_run();
    return result;
}

}  // namespace

Action describe_account_attributes() {
    return with_handler<Result>(
        {.name = "DescribeAccountAttributes",
         .summary = "Show what the account has in the region, such as its default VPC",
         .example = "kiln describe-account-attributes --attribute-names default-vpc",
         .parameters = {{.name = "AttributeNames",
                         .wire = "AttributeName",
                         .list = true,
                         .help =
                             "The attributes to show; those that do not exist here are left out",
                         .choices = {std::begin(names), std::end(names)}},
                        dry_run_parameter()},
         .table = {.rows = "AccountAttributes",
                   .columns = {"AttributeName", "AttributeValues.AttributeValue"}}},
        output(), handle);
}

}  // namespace kiln::api
