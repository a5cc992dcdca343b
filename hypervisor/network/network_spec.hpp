#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ipv4.hpp"

namespace kiln::hypervisor {

/// Where packets of a rule may come from or go to: a range of addresses, or the members of a group
/// of the same network.
struct GroupRulePeer {
    Ipv4Range range = all_ipv4_addresses;
    std::string group;  // when it is not empty, it counts instead of the range

    friend bool operator==(const GroupRulePeer&, const GroupRulePeer&) = default;
};

/// Lets packets through. `protocol` is "tcp", "udp", "icmp", a protocol number, or "-1" for all.
/// The ports are a range for TCP and UDP (0 to 65535: all), type and code for ICMP (-1: all);
/// otherwise they do not count.
struct GroupRule {
    std::string protocol;
    int from_port = -1;
    int to_port = -1;
    GroupRulePeer peer;

    friend bool operator==(const GroupRule&, const GroupRule&) = default;
};

/// A security group: what may reach its members, and what they may reach. Nothing else does.
struct GroupSpec {
    std::string name;  // letters, digits and hyphens
    std::vector<GroupRule> ingress;
    std::vector<GroupRule> egress;

    friend bool operator==(const GroupSpec&, const GroupSpec&) = default;
};

/// A guest's place on the network. Packets from its device count only when they carry its MAC and
/// its address.
struct PortSpec {
    std::string device;  // the tap device, which begins with the network's port_prefix
    std::string mac_address;
    Ipv4Address address;
    std::string host_name;
    /// Processes of this user on the host reach the guest's ssh server, whatever the groups say.
    std::vector<uid_t> ssh_users;
    std::vector<std::string> groups;

    friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

/// Packets to an address of the host that are for a guest of the network: all of them, or those of
/// TCP and UDP to some ports, which are led to as many of the guest from `first_port` on.
struct AddressMapping {
    Ipv4Address host_address;
    std::optional<PortRange> ports;
    Ipv4Address guest;
    int first_port = 0;

    friend bool operator==(const AddressMapping&, const AddressMapping&) = default;
};

/// One address that libvirt's DHCP server gives to one MAC.
struct DhcpHost {
    std::string mac_address;
    std::string name;
    Ipv4Address address;

    friend auto operator<=>(const DhcpHost&, const DhcpHost&) = default;
};

/// A NAT network of guests on one bridge. Plain values: the hypervisor knows nothing of regions.
struct NetworkSpec {
    std::string name;  // libvirt's, and the rule set's
    std::string uuid;
    std::string bridge;       // at most 15 characters
    std::string port_prefix;  // of the guests' tap devices, of this network's alone
    Ipv4Range range;
    Ipv4Address gateway;        // the host's own address in it, and its name server's
    Ipv4Address reserved;       // never given to a guest: DHCP knows it, so that it is always on
    std::string domain;         // of the guests' host names
    std::uint32_t route_table;  // of the host, this network's alone
    std::vector<PortSpec> ports;
    std::vector<GroupSpec> groups;
    std::vector<AddressMapping> mappings;
    /// Whom DHCP knows from the network's start, because guests will come to be these: to tell it
    /// of one more takes libvirt most of half a second.
    std::vector<DhcpHost> expected_hosts;
};

/// "02:00:ac:1f:10:01" for 172.31.16.1: who gets an address later is no stranger to DHCP.
std::string mac_address_of(Ipv4Address address);

}  // namespace kiln::hypervisor
