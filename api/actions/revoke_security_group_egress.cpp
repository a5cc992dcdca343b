#include "api/action.hpp"
#include "api/shapes/common.hpp"
#include "api/shapes/security_group.hpp"
#include "base/database.hpp"
#include "launcher/launcher.hpp"

namespace kiln::api {

namespace {

constexpr bool is_egress = true;

Done handle(Services& services, const images::Caller& caller, const Arguments& arguments) {
    auto request = services.database.read([&](Session& session) {
        return rules_request(session, caller.scope(), arguments, is_egress);
    });
    request.rule_ids = ids_of<SecurityGroupRuleId>(arguments, "SecurityGroupRuleId");
    services.launcher.revoke_rules(caller, request);
    return {};
}

}  // namespace

Action revoke_security_group_egress() {
    return with_handler<Done>(
        {.name = "RevokeSecurityGroupEgress",
         .summary = "Remove rules by which members of a security group reach others",
         .example = "kiln revoke-security-group-egress --group-id sg-0123456789abcdef0 "
                    "--security-group-rule-ids sgr-0123456789abcdef0",
         .parameters = rules_parameters(
             is_egress,
             {ids_parameter("SecurityGroupRuleId", "Ids of the rules, instead of what they say")}),
         .cli_options = rules_cli_options()},
        done_structure(), handle);
}

}  // namespace kiln::api
