#pragma once

#include <string>
#include <vector>

#include "hypervisor/network/network_spec.hpp"

namespace kiln::hypervisor {

/// libvirt's network XML (https://libvirt.org/formatnetwork.html); a pure function.
std::string network_xml(const NetworkSpec& spec);
/// The reservations of the network's ports, which it must have, sorted.
std::vector<DhcpHost> needed_dhcp_hosts(const NetworkSpec& spec);
/// All reservations that it may have: also those of hosts that are expected. Sorted.
std::vector<DhcpHost> all_dhcp_hosts(const NetworkSpec& spec);
/// The reservations in a network's XML, sorted.
std::vector<DhcpHost> parse_dhcp_hosts(const std::string& network_xml);
/// The element of one reservation, as virNetworkUpdate takes it.
std::string dhcp_host_xml(const DhcpHost& host);

}  // namespace kiln::hypervisor
