#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "hypervisor/domain/domain_spec.hpp"
#include "hypervisor/network/network_spec.hpp"
#include "images/catalog/address.hpp"
#include "images/catalog/network_interface.hpp"
#include "images/catalog/security_group.hpp"
#include "images/catalog/vpc.hpp"

namespace kiln::launcher {

/// All that the catalog says of a region's network.
struct NetworkRows {
    images::Vpc vpc;
    std::vector<images::Subnet> subnets;
    std::vector<images::NetworkInterface> interfaces;
    std::vector<images::SecurityGroup> groups;
    std::vector<images::SecurityGroupRule> rules;
    std::vector<images::Address> addresses;
    std::multimap<AccountId, uid_t> users;  // of this host, by their accounts
};

/// The network on the host that the rows stand for: groups that nothing has are left out. A pure
/// function.
hypervisor::NetworkSpec plan_network(const NetworkRows& rows);

/// The network without guests, whose name and bridge are those that it has with them.
hypervisor::NetworkSpec plan_empty_network(const images::Vpc& vpc);

/// The card of a guest that has the interface.
hypervisor::InterfaceSpec plan_card(const images::Vpc& vpc,
                                    const images::NetworkInterface& interface);

/// "ip-172-31-0-5".
std::string host_name_of(Ipv4Address address);
/// "local-1.compute.internal".
std::string domain_of(const std::string& region);
/// Both: "ip-172-31-0-5.local-1.compute.internal".
std::string private_dns_name(const images::NetworkInterface& interface);

}  // namespace kiln::launcher
