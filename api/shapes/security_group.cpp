#include "api/shapes/security_group.hpp"

#include <fmt/format.h>

#include <map>
#include <tuple>

#include "api/shapes/common.hpp"
#include "base/error.hpp"

namespace kiln::api {

namespace {

using images::SecurityGroupRule;
using launcher::RuleRequest;

constexpr const char* all_protocols = "-1";

/// Rules that differ in their peers alone, which EC2 shows as one.
struct Permission {
    std::string protocol;
    int from_port = -1;
    int to_port = -1;
    std::vector<SecurityGroupRule> ranges = {};
    std::vector<RuleView> groups = {};
};

bool has_ports(const std::string& protocol) {
    return protocol == "tcp" || protocol == "udp" || protocol == "icmp";
}

std::optional<std::int64_t> port_of(const std::string& protocol, int port) {
    if (!has_ports(protocol)) return std::nullopt;
    return port;
}

std::vector<Permission> permissions_of(const SecurityGroupView& view, bool is_egress) {
    std::map<std::tuple<std::string, int, int>, Permission> permissions;
    for (const SecurityGroupRule& rule : view.rules) {
        if (rule.is_egress != is_egress) continue;
        Permission& permission = permissions[{rule.protocol, rule.from_port, rule.to_port}];
        permission.protocol = rule.protocol;
        permission.from_port = rule.from_port;
        permission.to_port = rule.to_port;
        if (rule.peer_group) {
            permission.groups.push_back({.rule = rule, .owner = view.group.owner});
        } else {
            permission.ranges.push_back(rule);
        }
    }
    std::vector<Permission> list;
    list.reserve(permissions.size());
    for (auto& [key, permission] : permissions)
        list.push_back(std::move(permission));
    return list;
}

const Structure<Permission>& permission_structure() {
    using None = std::vector<std::string>;
    static const auto range =
        Structure<SecurityGroupRule>()
            .text("CidrIp", "cidrIp", [](const SecurityGroupRule& r) { return to_text(r.range); })
            .text("Description", "description",
                  [](const SecurityGroupRule& r) { return if_any(r.description); });
    static const auto pair =
        Structure<RuleView>()
            .text("GroupId", "groupId", [](const RuleView& r) { return r.rule.peer_group->str(); })
            .text("UserId", "userId", [](const RuleView& r) { return r.owner.str(); })
            .text("Description", "description",
                  [](const RuleView& r) { return if_any(r.rule.description); });
    static const auto structure =
        Structure<Permission>()
            .text("IpProtocol", "ipProtocol", [](const Permission& p) { return p.protocol; })
            .integer("FromPort", "fromPort",
                     [](const Permission& p) { return port_of(p.protocol, p.from_port); })
            .integer("ToPort", "toPort",
                     [](const Permission& p) { return port_of(p.protocol, p.to_port); })
            .list(
                "UserIdGroupPairs", "groups", pair,
                [](const Permission& p) -> const auto& { return p.groups; })
            .list(
                "IpRanges", "ipRanges", range,
                [](const Permission& p) -> const auto& { return p.ranges; })
            .text_list("Ipv6Ranges", "ipv6Ranges", [](const Permission&) { return None(); })
            .text_list("PrefixListIds", "prefixListIds", [](const Permission&) { return None(); });
    return structure;
}

std::string one_of(const Arguments& arguments, const char* wire) {
    return arguments.text(wire).value_or("");
}

/// The peers of one IpPermissions.N.
std::vector<RuleRequest> rules_of_permission(const Arguments& permission) {
    const RuleRequest common{.protocol = permission.required_text("IpProtocol"),
                             .from_port = permission.integer("FromPort"),
                             .to_port = permission.integer("ToPort")};
    std::vector<RuleRequest> rules;
    for (const Arguments& range : permission.structures("IpRanges")) {
        rules.push_back(common);
        rules.back().range = range.required_text("CidrIp");
        rules.back().description = one_of(range, "Description");
    }
    for (const Arguments& group : permission.structures("Groups")) {
        rules.push_back(common);
        rules.back().group_id = one_of(group, "GroupId");
        rules.back().group_name = one_of(group, "GroupName");
        rules.back().description = one_of(group, "Description");
    }
    if (rules.empty()) rules.push_back(common);  // refused for its want of a peer
    return rules;
}

/// The older form: one rule, in parameters of its own.
std::optional<RuleRequest> rule_of_request(const Arguments& arguments) {
    RuleRequest rule{.protocol = one_of(arguments, "IpProtocol"),
                     .from_port = arguments.integer("FromPort"),
                     .to_port = arguments.integer("ToPort"),
                     .range = one_of(arguments, "CidrIp"),
                     .group_name = one_of(arguments, "SourceSecurityGroupName")};
    const bool is_group = !rule.group_name.empty();
    if (rule.protocol.empty() && rule.range.empty() && !is_group) return std::nullopt;
    // EC2 takes a group alone for all that it may send.
    if (rule.protocol.empty() && is_group) rule.protocol = all_protocols;
    if (rule.protocol.empty()) {
        throw Error(error_code::missing_parameter, "IpProtocol",
                    "The request must contain the parameter IpProtocol");
    }
    return rule;
}

void refuse_two_forms(const Arguments& arguments) {
    for (const char* name :
         {"IpProtocol", "FromPort", "ToPort", "CidrIp", "SourceSecurityGroupName"}) {
        if (!arguments.text(name)) continue;
        throw Error(error_code::invalid_parameter_combination, name,
                    fmt::format("{0} says a rule of its own, so it cannot complete one of "
                                "IpPermissions: put it there. (On the command line --protocol, "
                                "--port, --cidr and --source-group make up IpPermissions; say ICMP "
                                "type and code as --port 8-0, or all codes as --port 8--1)",
                                name));
    }
}

SecurityGroupId group_of_request(Session& session, const images::Scope& scope,
                                 const Arguments& arguments) {
    if (const auto id = arguments.text("GroupId")) return SecurityGroupId(*id);
    const auto name = arguments.text("GroupName");
    if (!name) {
        throw Error(error_code::missing_parameter, "GroupId",
                    "The request must contain the parameter GroupName or GroupId");
    }
    const auto group = images::find_security_group(session, scope, *name);
    if (group) return group->id;
    throw Error("InvalidGroup.NotFound", *name,
                "The security group '" + *name + "' does not exist");
}

Parameter permissions_parameter() {
    return {
        .name = "IpPermissions",
        .wire = "IpPermissions",
        .shape = Shape::structure,
        .list = true,
        .help = "Rules: IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=10.0.0.0/8}]",
        .members = {
            {.name = "IpProtocol",
             .wire = "IpProtocol",
             .required = true,
             .help = "tcp, udp, icmp, a number, or -1 for all"},
            {.name = "FromPort",
             .wire = "FromPort",
             .shape = Shape::integer,
             .help = "First port, or ICMP type"},
            {.name = "ToPort",
             .wire = "ToPort",
             .shape = Shape::integer,
             .help = "Last port, or ICMP code"},
            {.name = "IpRanges",
             .wire = "IpRanges",
             .shape = Shape::structure,
             .list = true,
             .help = "Blocks of addresses",
             .members = {{.name = "CidrIp",
                          .wire = "CidrIp",
                          .required = true,
                          .help = "An IPv4 block, as 10.0.0.0/8"},
                         {.name = "Description", .wire = "Description", .help = "What it is for"}}},
            {.name = "UserIdGroupPairs",
             .wire = "Groups",
             .shape = Shape::structure,
             .list = true,
             .help = "Groups, for their members",
             .members = {
                 {.name = "GroupId", .wire = "GroupId", .help = "Its id"},
                 {.name = "GroupName", .wire = "GroupName", .help = "Its name"},
                 {.name = "UserId", .wire = "UserId", .help = "Its account: yours"},
                 {.name = "Description", .wire = "Description", .help = "What it is for"}}}}};
}

}  // namespace

const Structure<GroupName>& group_name_structure() {
    static const auto structure =
        Structure<GroupName>()
            .text("GroupId", "groupId", [](const GroupName& g) { return g.id; })
            .text("GroupName", "groupName", [](const GroupName& g) { return g.name; });
    return structure;
}

const Structure<RuleView>& security_group_rule_structure() {
    using View = RuleView;
    static const auto referenced =
        Structure<View>()
            .text("GroupId", "groupId", [](const View& v) { return v.rule.peer_group->str(); })
            .text("UserId", "userId", [](const View& v) { return v.owner.str(); });
    static const auto structure =
        Structure<View>()
            .text("SecurityGroupRuleId", "securityGroupRuleId",
                  [](const View& v) { return v.rule.id.str(); })
            .text("GroupId", "groupId", [](const View& v) { return v.rule.group.str(); })
            .text("GroupOwnerId", "groupOwnerId", [](const View& v) { return v.owner.str(); })
            .boolean("IsEgress", "isEgress", [](const View& v) { return v.rule.is_egress; })
            .text("IpProtocol", "ipProtocol", [](const View& v) { return v.rule.protocol; })
            .integer("FromPort", "fromPort",
                     [](const View& v) { return std::int64_t{v.rule.from_port}; })
            .integer("ToPort", "toPort", [](const View& v) { return std::int64_t{v.rule.to_port}; })
            .text("CidrIpv4", "cidrIpv4",
                  [](const View& v) -> std::optional<std::string> {
                      if (v.rule.peer_group) return std::nullopt;
                      return to_text(v.rule.range);
                  })
            .structure("ReferencedGroupInfo", "referencedGroupInfo", referenced,
                       [](const View& v) -> std::optional<View> {
                           if (!v.rule.peer_group) return std::nullopt;
                           return v;
                       })
            .text("Description", "description",
                  [](const View& v) { return if_any(v.rule.description); });
    return structure;
}

const Structure<SecurityGroupView>& security_group_structure() {
    using View = SecurityGroupView;
    static const auto structure =
        Structure<View>()
            .text("OwnerId", "ownerId", [](const View& v) { return v.group.owner.str(); })
            .text("GroupName", "groupName", [](const View& v) { return v.group.name; })
            .text("GroupId", "groupId", [](const View& v) { return v.group.id.str(); })
            .text("Description", "groupDescription",
                  [](const View& v) { return v.group.description; })
            .text("VpcId", "vpcId", [](const View& v) { return v.vpc.str(); })
            .list("IpPermissions", "ipPermissions", permission_structure(),
                  [](const View& v) { return permissions_of(v, false); })
            .list("IpPermissionsEgress", "ipPermissionsEgress", permission_structure(),
                  [](const View& v) { return permissions_of(v, true); })
            .list(
                "Tags", "tagSet", tag_structure(),
                [](const View& v) -> const auto& { return v.tags; });
    return structure;
}

std::vector<SecurityGroupView> load_security_group_views(Session& session,
                                                         const images::Scope& scope,
                                                         const images::Vpc& vpc) {
    const auto tags = images::tags_by_resource(session, scope);
    std::vector<SecurityGroupView> views;
    for (images::SecurityGroup& group : images::list_security_groups(session, scope)) {
        SecurityGroupView view{.group = std::move(group), .vpc = vpc.id};
        view.rules = images::rules_of_group(session, view.group.id);
        const auto own_tags = tags.find(view.group.id.str());
        if (own_tags != tags.end()) view.tags = own_tags->second;
        views.push_back(std::move(view));
    }
    return views;
}

std::vector<Parameter> rules_parameters(bool is_egress, const std::vector<Parameter>& also) {
    std::vector<Parameter> parameters{
        {.name = "GroupId", .wire = "GroupId", .help = "The security group"},
        permissions_parameter(),
        {.name = "IpProtocol", .wire = "IpProtocol", .help = "tcp, udp, icmp, a number, or -1"},
        {.name = "FromPort",
         .wire = "FromPort",
         .shape = Shape::integer,
         .help = "First port, or ICMP type"},
        {.name = "ToPort",
         .wire = "ToPort",
         .shape = Shape::integer,
         .help = "Last port, or ICMP code"},
        {.name = "CidrIp", .wire = "CidrIp", .help = "An IPv4 block, as 10.0.0.0/8"}};
    if (!is_egress) {
        parameters.push_back(
            {.name = "GroupName", .wire = "GroupName", .help = "The security group, by its name"});
        parameters.push_back({.name = "SourceSecurityGroupName",
                              .wire = "SourceSecurityGroupName",
                              .help = "A group, for its members, instead of a block"});
    }
    parameters.insert(parameters.end(), also.begin(), also.end());
    parameters.push_back(dry_run_parameter());
    return parameters;
}

std::vector<CliOption> rules_cli_options() {
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    const auto as = [](const char* wire) {
        return [wire](const std::string& text) { return Pairs{{wire, text}}; };
    };
    const auto group = [](const std::string& text) {
        const bool is_id = text.starts_with("sg-");  // no group's name begins with it
        return Pairs{
            {is_id ? "IpPermissions.1.Groups.1.GroupId" : "IpPermissions.1.Groups.1.GroupName",
             text}};
    };
    const auto ports = [](const std::string& text) {
        const bool all = text == "all" || text == "-1";
        const std::size_t dash = all ? std::string::npos : text.find('-', 1);
        const std::string first = all ? "-1" : text.substr(0, dash);
        const std::string last = dash == std::string::npos ? first : text.substr(dash + 1);
        return Pairs{{"IpPermissions.1.FromPort", first}, {"IpPermissions.1.ToPort", last}};
    };
    return {{.option = "protocol",
             .placeholder = "PROTOCOL",
             .help = "tcp, udp, icmp, a number, or -1 for all",
             .expand = as("IpPermissions.1.IpProtocol")},
            {.option = "port",
             .placeholder = "PORT[-PORT]",
             .help = "One port, a range of them, or -1 for all",
             .expand = ports},
            {.option = "cidr",
             .placeholder = "BLOCK",
             .help = "A block of addresses, as 10.0.0.0/8",
             .expand = as("IpPermissions.1.IpRanges.1.CidrIp")},
            {.option = "source-group",
             .placeholder = "SG",
             .help = "A group, by its id or name, for its members, instead of a block",
             .expand = group}};
}

launcher::RulesRequest rules_request(Session& session, const images::Scope& scope,
                                     const Arguments& arguments, bool is_egress) {
    launcher::RulesRequest request{.group = group_of_request(session, scope, arguments),
                                   .is_egress = is_egress};
    const auto permissions = arguments.structures("IpPermissions");
    if (!permissions.empty()) refuse_two_forms(arguments);
    for (const Arguments& permission : permissions) {
        const auto rules = rules_of_permission(permission);
        request.rules.insert(request.rules.end(), rules.begin(), rules.end());
    }
    if (const auto rule = rule_of_request(arguments)) request.rules.push_back(*rule);
    return request;
}

const Structure<AuthorizedRules>& authorized_rules_structure() {
    static const auto structure =
        Structure<AuthorizedRules>()
            .boolean("Return", "return", [](const AuthorizedRules&) { return true; })
            .list(
                "SecurityGroupRules", "securityGroupRuleSet", security_group_rule_structure(),
                [](const AuthorizedRules& r) -> const auto& { return r.rules; });
    return structure;
}

}  // namespace kiln::api
