#include "api/action.hpp"
#include "api/shapes/security_group.hpp"
#include "base/database.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

constexpr bool is_egress = true;

AuthorizedRules handle(Services& services, const images::Caller& caller,
                       const Arguments& arguments) {
    const auto request = services.database.read([&](Session& session) {
        return rules_request(session, caller.scope(), arguments, is_egress);
    });
    AuthorizedRules result;
    for (images::SecurityGroupRule& rule : services.launcher.authorize_rules(caller, request))
        result.rules.push_back({.rule = std::move(rule), .owner = caller.account});
    return result;
}

}  // namespace

Action authorize_security_group_egress() {
    return with_handler<AuthorizedRules>(
        {.name = "AuthorizeSecurityGroupEgress",
         .summary = "Let members of a security group reach others",
         .example = "kiln authorize-security-group-egress --group-id sg-0123456789abcdef0 "
                    "--protocol tcp --port 443 --cidr 0.0.0.0/0",
         .parameters = rules_parameters(is_egress),
         .cli_options = rules_cli_options(),
         .table = {.rows = "SecurityGroupRules",
                   .columns = {"SecurityGroupRuleId", "IpProtocol", "FromPort", "ToPort",
                               "CidrIpv4", "ReferencedGroupInfo.GroupId"}}},
        authorized_rules_structure(), handle);
}

}  // namespace kiln::api
