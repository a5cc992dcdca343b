#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/ids.hpp"
#include "base/ipv4.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// One thing that a group lets pass. `protocol` is "tcp", "udp", "icmp", a number, or "-1" for all;
/// the ports are as in EC2: a range, type and code for ICMP, -1 for all.
struct SecurityGroupRule {
    SecurityGroupRuleId id;
    SecurityGroupId group;
    bool is_egress = false;
    std::string protocol;
    int from_port = -1;
    int to_port = -1;
    Ipv4Range range;                            // when there is no peer
    std::optional<SecurityGroupId> peer_group;  // whose members may send, or are sent to
    std::string description;

    /// Whether it lets the same pass in the same direction.
    bool means_the_same_as(const SecurityGroupRule& other) const;
};

struct SecurityGroup {
    SecurityGroupId id;
    AccountId owner;
    std::string region;
    std::string name;
    std::string description;
    Time created;
};

/// The group that instances get when they name none. It cannot be deleted.
inline constexpr const char* default_group_name = "default";

/// Throws Error{InvalidGroup.Duplicate} when the account has one of that name in the region.
void insert_security_group(Session& session, const SecurityGroup& group);
/// The caller's group. Throws Error{InvalidGroup.NotFound}.
SecurityGroup get_security_group(Session& session, const Scope& scope, const SecurityGroupId& id);
std::optional<SecurityGroup> find_security_group(Session& session, const SecurityGroupId& id);
std::optional<SecurityGroup> find_security_group(Session& session, const Scope& scope,
                                                 const std::string& name);
/// The caller's default group, which is made at its first use: its members reach one another and
/// everything else, and nothing else reaches them.
SecurityGroup default_security_group(Session& session, const Scope& scope, Time now);
/// By name.
std::vector<SecurityGroup> list_security_groups(Session& session, const Scope& scope);
/// Of all accounts.
std::vector<SecurityGroup> security_groups_of_region(Session& session, const std::string& region);
/// With its rules. Throws Error{DependencyViolation} while an interface has it or a rule of
/// another group names it.
void delete_security_group(Session& session, const SecurityGroup& group);

void insert_security_group_rule(Session& session, const SecurityGroupRule& rule);
void delete_security_group_rule(Session& session, const SecurityGroupRuleId& id);
void set_rule_description(Session& session, const SecurityGroupRuleId& id,
                          const std::string& description);
std::vector<SecurityGroupRule> rules_of_group(Session& session, const SecurityGroupId& id);
/// Of all groups of all accounts.
std::vector<SecurityGroupRule> rules_of_region(Session& session, const std::string& region);

}  // namespace kiln::images
