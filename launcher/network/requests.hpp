#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "images/catalog/tag.hpp"

namespace kiln::launcher {

struct CreateSecurityGroupRequest {
    std::string name;
    std::string description;
    std::optional<VpcId> vpc;  // absent: the region's, of which there is one
    std::vector<images::Tag> tags;
};

/// One rule, as a client says it.
struct RuleRequest {
    std::string protocol;  // "tcp", "udp", "icmp", "all", "-1", or a number
    std::optional<std::int64_t> from_port;
    std::optional<std::int64_t> to_port;
    /// One of these three.
    std::string range;       // in CIDR notation; the address alone counts as /32
    std::string group_id;    //
    std::string group_name;  // of the caller
    std::string description;
};

struct RulesRequest {
    SecurityGroupId group;
    bool is_egress = false;
    std::vector<RuleRequest> rules;
    std::vector<SecurityGroupRuleId> rule_ids;  // to revoke
};

struct AllocateAddressRequest {
    std::optional<std::string> address;  // absent: one of those that are mapped whole
    std::optional<std::string> ports;    // "8000-8099"; absent: all of it
    std::vector<images::Tag> tags;
};

struct AssociateAddressRequest {
    AllocationId allocation;
    std::optional<InstanceId> instance;  // one of the two
    std::optional<NetworkInterfaceId> interface;
    bool may_reassociate = true;
    std::optional<std::int64_t> first_port;  // of the guest; absent: as the address has it
};

/// TCP and UDP have an entry each in the packet filter for each port.
inline constexpr int max_ports_per_address = 1024;

inline constexpr std::size_t max_rules_per_direction = 60;  // of one group, as EC2's

}  // namespace kiln::launcher
