#include "images/catalog/security_group.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "images/catalog/table.hpp"

namespace kiln::images {

namespace {

constexpr const char* all_protocols = "-1";

struct SecurityGroupTable {
    static constexpr const char* name = "security_groups";
    static SecurityGroup blank() {
        return {.id = placeholder_id<SecurityGroupId>(), .owner = placeholder_account()};
    }
    static void columns(auto& column, auto& group) {
        column("group_id", group.id);
        column("owner", group.owner);
        column("region", group.region);
        column("name", group.name);
        column("description", group.description);
        column("created", group.created);
    }
};

struct RuleTable {
    static constexpr const char* name = "security_group_rules";
    static SecurityGroupRule blank() {
        return {.id = placeholder_id<SecurityGroupRuleId>(),
                .group = placeholder_id<SecurityGroupId>()};
    }
    static void columns(auto& column, auto& rule) {
        column("rule_id", rule.id);
        column("group_id", rule.group);
        column("is_egress", rule.is_egress);
        column("protocol", rule.protocol);
        column("from_port", rule.from_port);
        column("to_port", rule.to_port);
        column("address_range", rule.range);
        column("peer_group_id", rule.peer_group);
        column("description", rule.description);
    }
};

std::int64_t count(Session& session, const char* sql, const SecurityGroupId& id) {
    Statement rows(session, sql, {{"id", id.str()}}, {ColumnType::number});
    rows.next();
    return rows.number(0);
}

SecurityGroupRule open_rule(const SecurityGroupId& group, bool is_egress) {
    return {.id = SecurityGroupRuleId::generate(),
            .group = group,
            .is_egress = is_egress,
            .protocol = all_protocols,
            .range = all_ipv4_addresses};
}

SecurityGroup insert_default_group(Session& session, const Scope& scope, Time now) {
    SecurityGroup group{.id = SecurityGroupId::generate(),
                        .owner = scope.owner,
                        .region = scope.region,
                        .name = default_group_name,
                        .description = "default VPC security group",
                        .created = now};
    insert_security_group(session, group);
    SecurityGroupRule among_members = open_rule(group.id, false);
    among_members.peer_group = group.id;
    insert_security_group_rule(session, among_members);
    return group;
}

}  // namespace

bool SecurityGroupRule::means_the_same_as(const SecurityGroupRule& other) const {
    if (group != other.group || is_egress != other.is_egress || protocol != other.protocol)
        return false;
    if (peer_group != other.peer_group || (!peer_group && range != other.range)) return false;
    const bool has_ports = protocol == "tcp" || protocol == "udp" || protocol == "icmp";
    return !has_ports || (from_port == other.from_port && to_port == other.to_port);
}

void insert_security_group(Session& session, const SecurityGroup& group) {
    const Scope scope{.owner = group.owner, .region = group.region};
    if (find_security_group(session, scope, group.name)) {
        throw Error("InvalidGroup.Duplicate", group.name,
                    fmt::format("The security group '{}' already exists", group.name));
    }
    insert_row<SecurityGroupTable>(session, group);
    insert_security_group_rule(session, open_rule(group.id, true));
}

SecurityGroup get_security_group(Session& session, const Scope& scope, const SecurityGroupId& id) {
    auto group = find_security_group(session, id);
    if (group && group->owner == scope.owner && group->region == scope.region) return *group;
    throw Error("InvalidGroup.NotFound", id.str(),
                fmt::format("The security group '{}' does not exist", id.str()));
}

std::optional<SecurityGroup> find_security_group(Session& session, const SecurityGroupId& id) {
    return select_row<SecurityGroupTable>(session, "where group_id = :id", {{"id", id.str()}});
}

std::optional<SecurityGroup> find_security_group(Session& session, const Scope& scope,
                                                 const std::string& name) {
    return select_row<SecurityGroupTable>(
        session, "where owner = :owner and region = :region and name = :name",
        {{"owner", scope.owner.str()}, {"region", scope.region}, {"name", name}});
}

SecurityGroup default_security_group(Session& session, const Scope& scope, Time now) {
    const auto known = find_security_group(session, scope, default_group_name);
    return known ? *known : insert_default_group(session, scope, now);
}

std::vector<SecurityGroup> list_security_groups(Session& session, const Scope& scope) {
    return select_rows<SecurityGroupTable>(
        session, "where owner = :owner and region = :region order by name",
        {{"owner", scope.owner.str()}, {"region", scope.region}});
}

std::vector<SecurityGroup> security_groups_of_region(Session& session, const std::string& region) {
    return select_rows<SecurityGroupTable>(session, "where region = :region order by group_id",
                                           {{"region", region}});
}

void delete_security_group(Session& session, const SecurityGroup& group) {
    if (group.name == default_group_name) {
        throw Error("CannotDelete", group.id.str(),
                    fmt::format("the specified group: \"{}\" name: \"{}\" cannot be deleted by a "
                                "user",
                                group.id.str(), group.name));
    }
    const std::int64_t used =
        count(session, "select count(*) from interface_groups where group_id = :id", group.id) +
        count(session,
              "select count(*) from security_group_rules where peer_group_id = :id"
              " and group_id <> :id",
              group.id);
    if (used > 0) {
        throw Error("DependencyViolation", group.id.str(),
                    fmt::format("resource {} has a dependent object: instances that have it, or "
                                "rules of other groups that name it",
                                group.id.str()));
    }
    run_sql(session, "delete from security_group_rules where group_id = :id",
            {{"id", group.id.str()}});
    run_sql(session, "delete from tags where resource_id = :id", {{"id", group.id.str()}});
    run_sql(session, "delete from security_groups where group_id = :id", {{"id", group.id.str()}});
}

void insert_security_group_rule(Session& session, const SecurityGroupRule& rule) {
    insert_row<RuleTable>(session, rule);
}

void delete_security_group_rule(Session& session, const SecurityGroupRuleId& id) {
    run_sql(session, "delete from security_group_rules where rule_id = :id", {{"id", id.str()}});
}

void set_rule_description(Session& session, const SecurityGroupRuleId& id,
                          const std::string& description) {
    run_sql(session,
            "update security_group_rules set description = :description where rule_id = :id",
            {{"description", description}, {"id", id.str()}});
}

std::vector<SecurityGroupRule> rules_of_group(Session& session, const SecurityGroupId& id) {
    return select_rows<RuleTable>(session, "where group_id = :id order by rule_id",
                                  {{"id", id.str()}});
}

std::vector<SecurityGroupRule> rules_of_region(Session& session, const std::string& region) {
    return select_rows<RuleTable>(
        session,
        "join security_groups on security_groups.group_id = security_group_rules.group_id"
        " where security_groups.region = :region order by rule_id",
        {{"region", region}});
}

}  // namespace kiln::images
