#pragma once

#include <string>
#include <vector>

#include "hypervisor/network/network_spec.hpp"

namespace kiln::hypervisor {

/// One address that libvirt's DHCP server gives to one MAC.
struct DhcpHost {
    std::string mac_address;
    std::string name;
    Ipv4Address address;

    friend auto operator<=>(const DhcpHost&, const DhcpHost&) = default;
};

/// libvirt's network XML (https://libvirt.org/formatnetwork.html); a pure function.
std::string network_xml(const NetworkSpec& spec);
/// The reservations that the network is to have, sorted.
std::vector<DhcpHost> dhcp_hosts(const NetworkSpec& spec);
/// The reservations in a network's XML, sorted.
std::vector<DhcpHost> parse_dhcp_hosts(const std::string& network_xml);
/// The element of one reservation, as virNetworkUpdate takes it.
std::string dhcp_host_xml(const DhcpHost& host);

}  // namespace kiln::hypervisor
