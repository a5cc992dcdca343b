#include "api/action.hpp"
#include "api/output/filter.hpp"
#include "api/output/page.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/security_group.hpp"
#include "base/database.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

using View = SecurityGroupView;
using Values = std::vector<std::string>;

struct Result {
    std::vector<View> groups;
    std::optional<std::string> next_token;
};

Structure<Result> output() {
    return Structure<Result>()
        .list(
            "SecurityGroups", "securityGroupInfo", security_group_structure(),
            [](const Result& r) -> const auto& { return r.groups; })
        .text("NextToken", "nextToken", [](const Result& r) { return r.next_token; });
}

/// What the rules of one direction have, by `get`, which may have nothing to say of a rule.
template <class Get>
auto of_rules(bool is_egress, Get get) {
    return [is_egress, get](const View& view) {
        Values values;
        for (const images::SecurityGroupRule& rule : view.rules) {
            if (rule.is_egress == is_egress) values.push_back(get(rule));
        }
        return values;
    };
}

std::vector<FilterTable<View>::Row> rule_filters(const std::string& prefix, bool is_egress) {
    using Rule = images::SecurityGroupRule;
    return {
        {prefix + ".cidr",
         of_rules(is_egress, [](const Rule& r) { return r.peer_group ? "" : to_text(r.range); })},
        {prefix + ".from-port",
         of_rules(is_egress, [](const Rule& r) { return std::to_string(r.from_port); })},
        {prefix + ".to-port",
         of_rules(is_egress, [](const Rule& r) { return std::to_string(r.to_port); })},
        {prefix + ".protocol", of_rules(is_egress, [](const Rule& r) { return r.protocol; })},
        {prefix + ".group-id", of_rules(is_egress, [](const Rule& r) {
             return r.peer_group ? r.peer_group->str() : std::string();
         })}};
}

const FilterTable<View>& filters() {
    static const FilterTable<View> table = [] {
        std::vector<FilterTable<View>::Row> rows{
            {"description", [](const View& v) { return Values{v.group.description}; }},
            {"group-id", [](const View& v) { return Values{v.group.id.str()}; }},
            {"group-name", [](const View& v) { return Values{v.group.name}; }},
            {"owner-id", [](const View& v) { return Values{v.group.owner.str()}; }},
            {"vpc-id", [](const View& v) { return Values{v.vpc.str()}; }}};
        for (const auto& more :
             {rule_filters("ip-permission", false), rule_filters("egress.ip-permission", true)})
            rows.insert(rows.end(), more.begin(), more.end());
        return FilterTable<View>(
            std::move(rows), [](const View& v) -> const auto& { return v.tags; });
    }();
    return table;
}

Error not_found(const std::string& what) {
    return {"InvalidGroup.NotFound", what, "The security group '" + what + "' does not exist"};
}

Result handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    const images::Vpc vpc = services.launcher.vpc(caller);
    // The default group is there before anybody has used it.
    services.database.write([&](Session& session) {
        images::default_security_group(session, caller.scope(), services.clock.now());
    });
    auto views = services.database.read(
        [&](Session& session) { return load_security_group_views(session, caller.scope(), vpc); });
    keep_ids<View, SecurityGroupId>(
        views, ids_of<SecurityGroupId>(arguments, "GroupId"),
        [](const View& v) -> const SecurityGroupId& { return v.group.id; },
        [](const SecurityGroupId& id) { return not_found(id.str()); });
    keep_ids<View, std::string>(
        views, arguments.texts("GroupName"),
        [](const View& v) -> const std::string& { return v.group.name; }, not_found);
    filters().apply(filters_of(arguments), views);
    caller.stop_if_dry_run();
    auto page =
        page_of<View>(arguments, std::move(views), [](const View& v) { return v.group.id.str(); });
    return {.groups = std::move(page.items), .next_token = std::move(page.next_token)};
}

}  // namespace

Action describe_security_groups() {
    return with_handler<Result>(
        {.name = "DescribeSecurityGroups",
         .summary = "Show your security groups",
         .example = "kiln describe-security-groups --filters Name=group-name,Values=default",
         .parameters = {ids_parameter("GroupId", "Ids of the groups to show"),
                        {.name = "GroupNames",
                         .wire = "GroupName",
                         .list = true,
                         .help = "Names of the groups to show"},
                        filters_parameter(),
                        max_results_parameter(),
                        next_token_parameter(),
                        dry_run_parameter()},
         .table = {.rows = "SecurityGroups",
                   .columns = {"GroupId", "GroupName", "Description", "VpcId"}}},
        output(), handle);
}

}  // namespace kiln::api
