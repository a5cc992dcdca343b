#pragma once

#include <map>
#include <string>
#include <vector>

#include "hypervisor/network/network_spec.hpp"

namespace kiln::hypervisor {

/// A chain of nftables. One with a hook sees packets; the others are jumped to.
struct NftChain {
    std::string hook;  // "type filter hook output priority 0; policy accept;"; empty: none
    std::vector<std::string> rules;

    friend bool operator==(const NftChain&, const NftChain&) = default;
};

/// A set, or a map from a key to a verdict.
struct NftSet {
    std::string declaration;                      // "type ipv4_addr", "type ipv4_addr : verdict"
    std::map<std::string, std::string> elements;  // the verdict by key; empty in a set

    bool is_map() const { return declaration.find(" : ") != std::string::npos; }
    friend bool operator==(const NftSet&, const NftSet&) = default;
};

struct NftTable {
    std::string family;
    std::string name;
    std::map<std::string, NftSet> sets;
    std::map<std::string, NftChain> chains;
};

/// All the tables of one network.
using RuleSet = std::vector<NftTable>;

/// What the routing rules of the host ask for: the rule set sets these bits of a packet's mark.
/// Nothing from the network is routed without the second.
inline constexpr std::uint32_t vouched_mark = 0x100000;  // port, MAC and address were compared
inline constexpr std::uint32_t passed_mark = 0x200000;   // a rule lets it pass

/// Where guests find their metadata.
inline constexpr Ipv4Address metadata_address{.bits = 0xa9fea9fe};  // 169.254.169.254

/// The rule set of the network; a pure function. How packets go through it is in
/// docs/design/network.md.
RuleSet rule_set_of(const NetworkSpec& spec);

/// Commands for `nft -f` that load the rule set, and first remove what there was of it: one
/// transaction.
std::string load_commands(const RuleSet& rules);
/// Commands that make one rule set of the other, as few as there are differences; empty when there
/// are none. Both have the same tables.
std::string change_commands(const RuleSet& from, const RuleSet& to);
/// Commands that remove its tables, which need not be there.
std::string removal_commands(const RuleSet& rules);

}  // namespace kiln::hypervisor
