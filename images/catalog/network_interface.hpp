#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/ipv4.hpp"
#include "images/catalog/scope.hpp"

namespace kiln::images {

/// An instance's place in its region's VPC. It keeps its address until the instance is terminated.
struct NetworkInterface {
    NetworkInterfaceId id;
    AccountId owner;
    std::string region;
    std::string zone;
    SubnetId subnet;
    InstanceId instance;
    Ipv4Address address;
    std::string mac_address;
    Time attached;
    std::vector<SecurityGroupId> groups = {};  // sorted
};

void insert_network_interface(Session& session, const NetworkInterface& interface);
std::optional<NetworkInterface> interface_of_instance(Session& session, const InstanceId& id);
std::optional<NetworkInterface> interface_at(Session& session, const std::string& region,
                                             Ipv4Address address);
/// Throws Error{InvalidNetworkInterfaceID.NotFound}.
NetworkInterface get_network_interface(Session& session, const Scope& scope,
                                       const NetworkInterfaceId& id);
Error network_interface_not_found(const NetworkInterfaceId& id);
std::vector<NetworkInterface> list_network_interfaces(Session& session, const Scope& scope);
/// Of all accounts.
std::vector<NetworkInterface> interfaces_of_region(Session& session, const std::string& region);
void set_interface_groups(Session& session, const NetworkInterfaceId& id,
                          const std::vector<SecurityGroupId>& groups);
/// Its address is free again, and what was mapped to it is mapped to nothing. None is no error.
void delete_interface_of(Session& session, const InstanceId& instance);

}  // namespace kiln::images
