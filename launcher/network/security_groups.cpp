#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/security_group.hpp"
#include "images/catalog/vpc.hpp"
#include "launcher/implementation.hpp"
#include "launcher/network/launch_network.hpp"
#include "launcher/network/rule_text.hpp"

namespace kiln::launcher {

namespace {

using images::SecurityGroup;
using images::SecurityGroupRule;

constexpr std::size_t longest_text = 255;

void check_text(const char* what, const std::string& text) {
    const bool printable = std::ranges::all_of(
        text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
    if (!text.empty() && text.size() <= longest_text && printable) return;
    throw Error(error_code::invalid_parameter_value, what,
                fmt::format("Invalid value '{}' for {}: it has 1 to {} characters, none of them "
                            "control characters",
                            text.substr(0, longest_text), what, longest_text));
}

void check_new_group(const CreateSecurityGroupRequest& request) {
    check_text("GroupName", request.name);
    check_text("GroupDescription", request.description);
    if (request.name == images::default_group_name) {
        throw Error("InvalidGroup.Reserved", request.name,
                    "The security group 'default' is there for everybody: choose another name");
    }
    if (request.name.starts_with("sg-")) {
        throw Error(error_code::invalid_parameter_value, request.name,
                    "Invalid value for GroupName: it cannot begin with sg-");
    }
}

void check_vpc(Session& session, const images::Caller& caller, const std::optional<VpcId>& id) {
    if (!id) return;
    const auto vpc = images::find_vpc(session, caller.region);
    if (vpc && vpc->id == *id) return;
    throw Error("InvalidVpcID.NotFound", id->str(),
                fmt::format("The vpc ID '{}' does not exist", id->str()));
}

SecurityGroupId find_peer(Session& session, const images::Caller& caller, const RuleRequest& rule) {
    const auto group = rule.group_id.empty()
                           ? images::find_security_group(session, caller.scope(), rule.group_name)
                           : images::find_security_group(session, SecurityGroupId(rule.group_id));
    if (group && group->owner == caller.account && group->region == caller.region) return group->id;
    const std::string& name = rule.group_id.empty() ? rule.group_name : rule.group_id;
    throw Error("InvalidGroup.NotFound", name,
                fmt::format("The security group '{}' does not exist", name));
}

SecurityGroupRule rule_of(Session& session, const images::Caller& caller,
                          const RulesRequest& request, const RuleRequest& rule) {
    SecurityGroupRule parsed = parse_rule(request, rule);
    if (rule.range.empty()) parsed.peer_group = find_peer(session, caller, rule);
    return parsed;
}

const SecurityGroupRule* find_same(const std::vector<SecurityGroupRule>& rules,
                                   const SecurityGroupRule& wanted) {
    const auto found = std::ranges::find_if(
        rules, [&](const SecurityGroupRule& rule) { return rule.means_the_same_as(wanted); });
    return found == rules.end() ? nullptr : &*found;
}

void check_rule_count(const std::vector<SecurityGroupRule>& rules, const RulesRequest& request) {
    const auto count = static_cast<std::size_t>(
        std::ranges::count(rules, request.is_egress, &SecurityGroupRule::is_egress));
    if (count <= max_rules_per_direction) return;
    throw Error("RulesPerSecurityGroupLimitExceeded", request.group.str(),
                fmt::format("The maximum number of rules per security group ({} in each direction) "
                            "has been reached.",
                            max_rules_per_direction));
}

void check_has_rules(const RulesRequest& request) {
    if (!request.rules.empty() || !request.rule_ids.empty()) return;
    throw Error(error_code::missing_parameter, "IpPermissions",
                "The request must contain the parameter IpPermissions");
}

std::vector<SecurityGroupRule> to_revoke(Session& session, const images::Caller& caller,
                                         const RulesRequest& request) {
    const auto rules = images::rules_of_group(session, request.group);
    std::vector<SecurityGroupRule> found;
    for (const SecurityGroupRuleId& id : request.rule_ids) {
        const auto rule = std::ranges::find(rules, id, &SecurityGroupRule::id);
        if (rule == rules.end() || rule->is_egress != request.is_egress) {
            throw Error("InvalidSecurityGroupRuleId.NotFound", id.str(),
                        fmt::format("The security group rule ID '{}' does not exist", id.str()));
        }
        found.push_back(*rule);
    }
    for (const RuleRequest& wanted : request.rules) {
        const SecurityGroupRule rule = rule_of(session, caller, request, wanted);
        const SecurityGroupRule* same = find_same(rules, rule);
        if (same == nullptr) {
            throw Error("InvalidPermission.NotFound", request.group.str(),
                        fmt::format("The specified rule \"{}\" does not exist in this security "
                                    "group.",
                                    describe_rule(rule)));
        }
        found.push_back(*same);
    }
    return found;
}

}  // namespace

void Launcher::Implementation::apply_network(const images::Caller& caller) {
    try {
        networks_.apply(region_of(caller));
    } catch (const Error& error) {
        throw Error(error.code(), error.resource(),
                    fmt::format("The change is stored, but not in effect yet: {}. It is tried "
                                "again every few seconds.",
                                error.message()));
    }
}

SecurityGroupId Launcher::create_security_group(const images::Caller& caller,
                                                const CreateSecurityGroupRequest& request) {
    check_new_group(request);
    Implementation& use = *implementation_;
    use.networks().vpc_of(use.region_of(caller));
    return use.database().write([&](Session& session) {
        check_vpc(session, caller, request.vpc);
        const SecurityGroup group{.id = SecurityGroupId::generate(),
                                  .owner = caller.account,
                                  .region = caller.region,
                                  .name = request.name,
                                  .description = request.description,
                                  .created = use.now()};
        images::insert_security_group(session, group);
        images::set_tags(session, caller.scope(), group.id.str(), request.tags);
        caller.stop_if_dry_run();
        return group.id;
    });
}

void Launcher::delete_security_group(const images::Caller& caller, const SecurityGroupId& id) {
    implementation_->database().write([&](Session& session) {
        images::delete_security_group(session,
                                      images::get_security_group(session, caller.scope(), id));
        caller.stop_if_dry_run();
    });
}

std::vector<SecurityGroupRule> Launcher::authorize_rules(const images::Caller& caller,
                                                         const RulesRequest& request) {
    check_has_rules(request);
    auto added = implementation_->database().write([&](Session& session) {
        images::get_security_group(session, caller.scope(), request.group);
        std::vector<SecurityGroupRule> rules = images::rules_of_group(session, request.group);
        std::vector<SecurityGroupRule> fresh;
        for (const RuleRequest& wanted : request.rules) {
            const SecurityGroupRule rule = rule_of(session, caller, request, wanted);
            if (find_same(rules, rule) != nullptr) {
                throw Error(
                    "InvalidPermission.Duplicate", request.group.str(),
                    fmt::format("the specified rule \"{}\" already exists", describe_rule(rule)));
            }
            images::insert_security_group_rule(session, rule);
            rules.push_back(rule);
            fresh.push_back(rule);
        }
        check_rule_count(rules, request);
        caller.stop_if_dry_run();
        return fresh;
    });
    implementation_->apply_network(caller);
    return added;
}

void Launcher::revoke_rules(const images::Caller& caller, const RulesRequest& request) {
    check_has_rules(request);
    implementation_->database().write([&](Session& session) {
        images::get_security_group(session, caller.scope(), request.group);
        for (const SecurityGroupRule& rule : to_revoke(session, caller, request))
            images::delete_security_group_rule(session, rule.id);
        caller.stop_if_dry_run();
    });
    implementation_->apply_network(caller);
}

void Launcher::modify_instance_metadata_options(const images::Caller& caller, const InstanceId& id,
                                                const MetadataOptionsChange& change) {
    if (!change.enabled && !change.tokens_required && !change.hop_limit && !change.has_tags) {
        throw Error(error_code::missing_parameter, "HttpTokens",
                    "Name at least one option to change: HttpTokens, HttpEndpoint, "
                    "HttpPutResponseHopLimit or InstanceMetadataTags");
    }
    Implementation& use = *implementation_;
    use.database().write([&](Session& session) {
        images::Instance instance = images::get_instance(session, caller.scope(), id);
        if (instance.state == images::InstanceState::terminated ||
            instance.state == images::InstanceState::shutting_down) {
            throw Error(
                error_code::incorrect_instance_state, id.str(),
                fmt::format("The instance '{}' is {}.", id.str(), images::to_text(instance.state)));
        }
        instance.metadata = changed_metadata_options(instance.metadata, change);
        images::update_instance(session, instance, use.now());
        caller.stop_if_dry_run();
    });
}

}  // namespace kiln::launcher
