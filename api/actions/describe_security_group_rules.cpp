#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/security_group.hpp"
#include "base/database.hpp"

namespace kiln::api {

namespace {

using View = RuleView;
using Values = std::vector<std::string>;

struct Result {
    std::vector<View> rules;
    std::optional<std::string> next_token;
};

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "SecurityGroupRules", "securityGroupRuleSet", security_group_rule_structure(),
            [](const Result& r) -> const auto& { return r.rules; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table(
        {{"group-id", [](const View& v) { return Values{v.rule.group.str()}; }},
         {"security-group-rule-id", [](const View& v) { return Values{v.rule.id.str()}; }}});
    return table;
}

std::vector<View> load_rules(Session& session, const images::Scope& scope) {
    std::vector<View> views;
    for (const images::SecurityGroup& group : images::list_security_groups(session, scope)) {
        for (images::SecurityGroupRule& rule : images::rules_of_group(session, group.id))
            views.push_back({.rule = std::move(rule), .owner = group.owner});
    }
    return views;
}

Error not_found(const SecurityGroupRuleId& id) {
    return {"InvalidSecurityGroupRuleId.NotFound", id.str(),
            "The security group rule ID '" + id.str() + "' does not exist"};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    auto views = services.database.read(
        [&](Session& session) { return load_rules(session, caller.scope()); });
    keep_ids<View, SecurityGroupRuleId>(
        views, ids_of<SecurityGroupRuleId>(arguments, "SecurityGroupRuleId"),
        [](const View& v) -> const SecurityGroupRuleId& { return v.rule.id; }, not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page =
        page_of<View>(arguments, std::move(views), [](const View& v) { return v.rule.id.str(); });
    return {.rules = std::move(page.items), .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_security_group_rules() {
    return with_handler<Result>(
        {.name = "DescribeSecurityGroupRules",
         .summary = "Show the rules of your security groups",
         .example = "kiln describe-security-group-rules --filters "
                    "Name=group-id,Values=sg-0123456789abcdef0",
         .parameters = {ids_parameter("SecurityGroupRuleId", "Ids of the rules to show"),
                        filters_parameter(), max_results_parameter(), next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "SecurityGroupRules",
                   .columns = {"SecurityGroupRuleId", "GroupId", "IsEgress", "IpProtocol",
                               "FromPort", "ToPort", "CidrIpv4", "ReferencedGroupInfo.GroupId"}}},
        output(), handle);
}

}  // namespace kiln::api
