#pragma once

#include <string>

#include "images/catalog/security_group.hpp"
#include "launcher/network/requests.hpp"

namespace kiln::launcher {

/// The rule that a request stands for, without the group that it names as its peer. Throws
/// Error{InvalidParameterValue}, Error{InvalidPermission.Malformed} and Error{MissingParameter}
/// with what is wrong. A pure function.
images::SecurityGroupRule parse_rule(const RulesRequest& request, const RuleRequest& rule);

/// EC2's words for a rule: "peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW".
std::string describe_rule(const images::SecurityGroupRule& rule);

}  // namespace kiln::launcher
