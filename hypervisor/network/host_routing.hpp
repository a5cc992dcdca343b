#pragma once

#include <string>
#include <vector>

#include "hypervisor/network/network_spec.hpp"

namespace kiln::hypervisor {

/// What the host's network stack needs for the network's bridge, which must be there: forwarding,
/// ARP for every guest, and the routing rules by which nothing from the bridge is routed unless the
/// rule set has let it pass. Guests find 169.254.169.254 there; for everybody else that address
/// stays what it is. Mends what differs and leaves alone what does not. Throws
/// Error{InternalError}.
void apply_host_routing(const NetworkSpec& spec);
/// Makes the bridge forget which cards it has seen behind which port: without the rule set a guest
/// could have told it anything.
void forget_learned_cards(const NetworkSpec& spec);
/// The addresses of the host's interfaces, without those of 127.0.0.0/8.
std::vector<Ipv4Address> host_addresses();
/// Removes the routing rules; none are no error. The rest goes with the bridge.
void remove_host_routing(const NetworkSpec& spec);

/// The commands for `ip -batch` that make of the routing rules (as `ip -json rule` says them) what
/// the network needs; empty when nothing is to be done. A pure function.
std::string routing_rule_commands(const NetworkSpec& spec, const std::string& json_rules);

}  // namespace kiln::hypervisor
