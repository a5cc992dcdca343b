#pragma once

#include <string>
#include <vector>

#include "api/action.hpp"
#include "api/output/structure.hpp"
#include "api/protocol/arguments.hpp"
#include "api/protocol/parameter.hpp"
#include "images/catalog/security_group.hpp"
#include "images/catalog/tag.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/network/requests.hpp"

namespace kiln::api {

/// The group's id and name, as other resources list it.
struct GroupName {
    std::string id;
    std::string name;
};
const Structure<GroupName>& group_name_structure();

/// A rule with the account of its group.
struct RuleView {
    images::SecurityGroupRule rule;
    AccountId owner;
};
const Structure<RuleView>& security_group_rule_structure();

struct SecurityGroupView {
    images::SecurityGroup group;
    VpcId vpc;
    std::vector<images::SecurityGroupRule> rules;
    std::vector<images::Tag> tags;
};
const Structure<SecurityGroupView>& security_group_structure();
std::vector<SecurityGroupView> load_security_group_views(Session& session,
                                                         const images::Scope& scope,
                                                         const images::Vpc& vpc);

/// The parameters of the four actions that authorize and revoke, with `also` before DryRun.
std::vector<Parameter> rules_parameters(bool is_egress, const std::vector<Parameter>& also = {});
/// aws's --protocol, --port, --cidr and --source-group.
std::vector<CliOption> rules_cli_options();
/// What they ask for. The group may be named where it is the caller's.
launcher::RulesRequest rules_request(Session& session, const images::Scope& scope,
                                     const Arguments& arguments, bool is_egress);

/// {"Return": true, "SecurityGroupRules": […]}
struct AuthorizedRules {
    std::vector<RuleView> rules;
};
const Structure<AuthorizedRules>& authorized_rules_structure();

}  // namespace kiln::api
