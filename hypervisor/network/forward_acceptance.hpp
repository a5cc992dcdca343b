#pragma once

#include <string>
#include <vector>

#include "hypervisor/network/network_spec.hpp"

namespace kiln::hypervisor {

/// libvirt lets nothing begin a connection to the guests of a NAT network. Where addresses of the
/// host are mapped to guests, the host's `iptables` lets through what is led there, which the rule
/// set filters; where none are, nothing. Mends what differs. Throws Error{InternalError}.
void apply_forward_acceptance(const NetworkSpec& spec);

/// The commands, each a list of arguments for `iptables`, that make of the chain FORWARD, as
/// `iptables -S FORWARD` says it, what the bridge needs; none when it is so already. A pure
/// function.
std::vector<std::vector<std::string>> forward_acceptance_commands(const std::string& bridge,
                                                                  bool is_wanted,
                                                                  const std::string& chain);

}  // namespace kiln::hypervisor
