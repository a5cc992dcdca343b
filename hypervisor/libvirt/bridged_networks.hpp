#pragma once

#include <libvirt/libvirt.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "hypervisor/network/network_spec.hpp"
#include "hypervisor/network/nftables.hpp"
#include "hypervisor/network/rule_set.hpp"

namespace kiln::hypervisor {

/// Why this process cannot give guests of the libvirt at the URI a network with a bridge; nullopt:
/// it can.
std::optional<std::string> bridging_obstacle(const std::string& uri);

/// The networks that this process looks after: libvirt's part, the rule set and the host's routing.
/// Any thread; one change at a time.
class BridgedNetworks {
  public:
    /// Makes the host's network what the spec says, and changes nothing that is so already. What
    /// closes guests off comes before what lets packets through.
    void apply(virConnectPtr connection, const NetworkSpec& spec);
    /// Removes all of it; what is not there is no error.
    void remove(virConnectPtr connection, const NetworkSpec& spec);

  private:
    struct Applied {
        RuleSet rules;
        /// None before the connections of those that left were ended the first time: another
        /// process may have left some.
        std::optional<std::set<Ipv4Address>> guests;
    };

    void apply_rules(const NetworkSpec& spec);
    void load_rules(const NetworkSpec& spec, RuleSet wanted);
    void apply_forwarding(const NetworkSpec& spec);

    std::mutex mutex_;
    std::optional<Nftables> nftables_;          // from its first use on
    std::map<std::string, Applied> applied_;    // by the network's name
    std::map<std::string, bool> had_mappings_;  // by the network's name
};

}  // namespace kiln::hypervisor
