#include "hypervisor/network/rule_set.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace kiln::hypervisor {

namespace {

// Bits of a packet's mark while it passes the chains: everything may go back the other way.
constexpr std::uint32_t open_egress_mark = 0x400000;
constexpr std::uint32_t open_ingress_mark = 0x800000;
// Bits of a connection's mark: each of its packets is held against the rules.
constexpr std::uint32_t untracked_egress = 0x100000;
constexpr std::uint32_t untracked_ingress = 0x200000;

constexpr const char* passed = "goto passed";
constexpr const char* all_protocols = "-1";
constexpr int ssh_port = 22;

enum class Direction { ingress, egress };

const char* word(Direction direction) {
    return direction == Direction::ingress ? "in" : "out";
}

std::string members_of(const std::string& group) {
    return "members-" + group;
}

std::string set_mark(std::uint32_t bit) {
    return fmt::format("meta mark set meta mark | {:#x}", bit);
}

std::string set_connection_mark(std::uint32_t bit) {
    return fmt::format("ct mark set ct mark | {:#x}", bit);
}

bool is_open(const GroupRule& rule) {
    return rule.peer.group.empty() && rule.peer.range == all_ipv4_addresses;
}

bool is_wholly_open(const GroupRule& rule) {
    return is_open(rule) && rule.protocol == all_protocols;
}

// --- The bridge family: who sends.

/// The client's hardware address in a DHCP request (RFC 2131): 28 bytes behind UDP's header.
constexpr const char* dhcp_card = "@th,288,48";

/// A request in which another's card asks would change what DHCP knows of that one.
NftChain vouch_dhcp() {
    const std::string accept = fmt::format(
        "iifname . {} @dhcp-cards meta mark set meta mark | {:#x} accept", dhcp_card, vouched_mark);
    return {.rules = {
                "iifname . ether saddr . ip saddr @ports " + accept,
                "ip saddr 0.0.0.0 udp sport 68 iifname . ether saddr @cards " + accept,
                "drop",
            }};
}

NftChain vouch() {
    const std::string accept = fmt::format("meta mark set meta mark | {:#x} accept", vouched_mark);
    // The host answers ARP by a look at its routes, so the routing rules must let these pass.
    const std::string accept_arp =
        fmt::format("meta mark set meta mark | {:#x} accept", vouched_mark | passed_mark);
    return {.rules = {
                "udp sport 67 drop",  // no guest serves DHCP
                "udp dport 67 goto vouch-dhcp",
                "ether type ip iifname . ether saddr . ip saddr @ports " + accept,
                "ether type arp iifname . ether saddr . arp saddr ip @ports "
                "iifname . arp saddr ether . arp saddr ip @ports " +
                    accept_arp,
                // Is the address taken? The asker has none yet.
                "ether type arp arp saddr ip 0.0.0.0 iifname . ether saddr @cards "
                "iifname . arp saddr ether @cards " +
                    accept_arp,
                "drop",
            }};
}

/// "0x0200ac1f1001" of "02:00:ac:1f:10:01".
std::string as_number(std::string mac_address) {
    std::erase(mac_address, ':');
    return "0x" + mac_address;
}

NftTable bridge_table(const NetworkSpec& spec) {
    NftTable table{.family = "bridge", .name = spec.name};
    NftSet& ports = table.sets["ports"];
    ports.declaration = "type ifname . ether_addr . ipv4_addr";
    NftSet& cards = table.sets["cards"];
    cards.declaration = "type ifname . ether_addr";
    NftSet& dhcp_cards = table.sets["dhcp-cards"];
    dhcp_cards.declaration = fmt::format("typeof iifname . {}", dhcp_card);
    for (const PortSpec& port : spec.ports) {
        const std::string card = fmt::format("\"{}\" . {}", port.device, port.mac_address);
        cards.elements.emplace(card, "");
        dhcp_cards.elements.emplace(
            fmt::format("\"{}\" . {}", port.device, as_number(port.mac_address)), "");
        ports.elements.emplace(fmt::format("{} . {}", card, to_text(port.address)), "");
    }
    table.chains["prerouting"] = {
        .hook = "type filter hook prerouting priority -300; policy accept;",
        .rules = {fmt::format("iifname \"{}*\" jump vouch", spec.port_prefix)}};
    table.chains["vouch"] = vouch();
    table.chains["vouch-dhcp"] = vouch_dhcp();
    return table;
}

// --- The inet family: who receives.

std::string match_ports(const GroupRule& rule) {
    if (rule.protocol == all_protocols) return "";
    if (rule.protocol == "icmp") {
        std::string match =
            rule.from_port < 0 ? "ip protocol icmp " : fmt::format("icmp type {} ", rule.from_port);
        if (rule.from_port >= 0 && rule.to_port >= 0)
            match += fmt::format("icmp code {} ", rule.to_port);
        return match;
    }
    if (rule.protocol != "tcp" && rule.protocol != "udp")
        return fmt::format("ip protocol {} ", rule.protocol);
    if (rule.from_port <= 0 && (rule.to_port < 0 || rule.to_port == 65535))
        return fmt::format("ip protocol {} ", rule.protocol);
    if (rule.from_port == rule.to_port)
        return fmt::format("{} dport {} ", rule.protocol, rule.from_port);
    return fmt::format("{} dport {}-{} ", rule.protocol, rule.from_port, rule.to_port);
}

std::string match_peer(const GroupRule& rule, Direction direction) {
    const char* field = direction == Direction::ingress ? "ip saddr" : "ip daddr";
    if (!rule.peer.group.empty()) return fmt::format("{} @{} ", field, members_of(rule.peer.group));
    if (is_open(rule)) return "";
    return fmt::format("{} {} ", field, to_text(rule.peer.range));
}

NftChain group_chain(const std::vector<GroupRule>& rules, Direction direction) {
    const bool in = direction == Direction::ingress;
    const std::string pass = in ? passed : "goto to-guest";
    const std::string pass_untracked = in ? "goto untracked-in" : "goto untracked-out";
    NftChain chain;
    for (const GroupRule& rule : rules) {
        const std::string match = match_peer(rule, direction) + match_ports(rule);
        if (is_wholly_open(rule)) {
            chain.rules.push_back("ip protocol { tcp, udp } " + pass_untracked);
        } else if (is_open(rule) && (rule.protocol == "tcp" || rule.protocol == "udp")) {
            chain.rules.push_back(match + pass_untracked);
            continue;
        }
        chain.rules.push_back(match + pass);
    }
    return chain;
}

void add_group(NftTable& table, const GroupSpec& group) {
    table.sets[members_of(group.name)].declaration = "type ipv4_addr";
    table.chains["in-" + group.name] = group_chain(group.ingress, Direction::ingress);
    table.chains["out-" + group.name] = group_chain(group.egress, Direction::egress);
}

bool lets_everything(const NetworkSpec& spec, const PortSpec& port, Direction direction) {
    return std::ranges::any_of(spec.groups, [&](const GroupSpec& group) {
        if (std::ranges::find(port.groups, group.name) == port.groups.end()) return false;
        const auto& rules = direction == Direction::ingress ? group.ingress : group.egress;
        return std::ranges::any_of(rules, is_wholly_open);
    });
}

NftChain port_chain(const NetworkSpec& spec, const PortSpec& port, Direction direction) {
    const bool in = direction == Direction::ingress;
    NftChain chain;
    if (lets_everything(spec, port, in ? Direction::egress : Direction::ingress))
        chain.rules.push_back(set_mark(in ? open_egress_mark : open_ingress_mark));
    for (const std::string& group : port.groups)
        chain.rules.push_back(fmt::format("jump {}-{}", word(direction), group));
    return chain;
}

void add_port(NftTable& table, const NetworkSpec& spec, const PortSpec& port) {
    const std::string address = to_text(port.address);
    for (const Direction direction : {Direction::ingress, Direction::egress}) {
        const std::string chain = fmt::format("{}-{}", word(direction), port.device);
        table.chains[chain] = port_chain(spec, port, direction);
        table.sets[word(direction)].elements.emplace(address, "jump " + chain);
    }
    for (const std::string& group : port.groups)
        table.sets[members_of(group)].elements.emplace(address, "");
    for (const uid_t user : port.ssh_users)
        table.sets["owners"].elements.emplace(fmt::format("{} . {}", user, address), "");
}

std::string tracked(const char* verdict, std::uint32_t untracked) {
    return fmt::format("ct state established ct mark & {:#x} == 0 {}", untracked, verdict);
}

/// What the host serves to guests.
std::vector<std::string> host_services(const NetworkSpec& spec) {
    const std::string gateway = to_text(spec.gateway);
    return {
        fmt::format("ip daddr {} tcp dport 80 {}", to_text(metadata_address), passed),
        fmt::format("udp sport 68 udp dport 67 {}", passed),
        fmt::format("ip daddr {} udp dport 53 {}", gateway, passed),
        fmt::format("ip daddr {} tcp dport 53 {}", gateway, passed),
        fmt::format("ip daddr {} icmp type echo-request {}", gateway, passed),
    };
}

NftChain from_guest(const NetworkSpec& spec) {
    NftChain chain{.rules = {
                       fmt::format("meta mark & {:#x} == 0 drop", vouched_mark),
                       "ct state invalid drop",
                       std::string("ct state related ") + passed,
                       std::string("ct state established ct direction reply ") + passed,
                       tracked(passed, untracked_egress | untracked_ingress),
                       tracked("goto to-guest", untracked_egress),
                   }};
    for (const std::string& rule : host_services(spec))
        chain.rules.push_back(rule);
    chain.rules.emplace_back("fib daddr type { local, broadcast, multicast } drop");
    chain.rules.emplace_back("ip daddr 169.254.0.0/16 drop");
    chain.rules.emplace_back("ip saddr vmap @out");
    chain.rules.emplace_back("drop");
    return chain;
}

NftChain to_guest(const NetworkSpec& spec) {
    return {.rules = {
                tracked(passed, untracked_ingress),
                "ip daddr vmap @in",
                fmt::format("ip daddr {} drop", to_text(spec.range)),
                passed,
            }};
}

/// What the host sends, and what it forwards from its other networks.
NftChain to_network() {
    return {.rules = {
                std::string("ct state related ") + passed,
                std::string("ct state established ct direction reply ") + passed,
                tracked(passed, untracked_ingress),
                "ip daddr vmap @in",
                "drop",
            }};
}

NftChain from_elsewhere(const NetworkSpec& spec) {
    NftChain chain = to_network();
    chain.rules.insert(chain.rules.begin(), fmt::format("ip saddr {} drop", to_text(spec.range)));
    return chain;
}

NftChain from_host() {
    NftChain chain = to_network();
    const std::vector<std::string> first{
        "icmp type redirect drop", std::string("udp sport 67 udp dport 68 ") + passed,
        fmt::format("meta skuid . ip daddr @owners tcp dport {} {}", ssh_port, passed)};
    chain.rules.insert(chain.rules.begin(), first.begin(), first.end());
    return chain;
}

void add_hooks(NftTable& table, const NetworkSpec& spec) {
    table.chains["prerouting"] = {
        .hook = "type filter hook prerouting priority 0; policy accept;",
        .rules = {fmt::format("iifname \"{}\" jump from-guest", spec.bridge)}};
    table.chains["forward"] = {
        .hook = "type filter hook forward priority 0; policy accept;",
        .rules = {
            fmt::format("iifname != \"{0}\" oifname \"{0}\" jump from-elsewhere", spec.bridge)}};
    // A packet to a mapped address has still the device here that it had before its address was
    // changed.
    table.chains["output"] = {
        .hook = "type filter hook output priority 0; policy accept;",
        .rules = {fmt::format("oifname \"{}\" jump from-host", spec.bridge),
                  fmt::format("oifname != \"{}\" ip daddr {} ip daddr != {} jump from-host",
                              spec.bridge, to_text(spec.range), to_text(spec.gateway))}};
}

void add_mapping(NftTable& table, const AddressMapping& mapping) {
    const std::string host = to_text(mapping.host_address);
    const std::string guest = to_text(mapping.guest);
    if (!mapping.ports) {
        table.sets["public"].elements.emplace(host, guest);
        table.sets["public-out"].elements.emplace(guest, host);
        return;
    }
    for (int i = 0; i < mapping.ports->size(); ++i) {
        for (const char* protocol : {"tcp", "udp"}) {
            table.sets["public-ports"].elements.emplace(
                fmt::format("{} . {} . {}", host, protocol, mapping.ports->first + i),
                fmt::format("{} . {}", guest, mapping.first_port + i));
        }
    }
}

/// Leads packets to the host's mapped addresses to their guests, before they are filtered.
void add_mappings(NftTable& table, const NetworkSpec& spec) {
    if (spec.mappings.empty()) return;
    table.sets["public"].declaration = "type ipv4_addr : ipv4_addr";
    table.sets["public-out"].declaration = "type ipv4_addr : ipv4_addr";
    table.sets["public-ports"].declaration =
        "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service";
    const std::vector<std::string> lead{
        "meta l4proto { tcp, udp } dnat ip to ip daddr . meta l4proto . th dport map "
        "@public-ports",
        "dnat ip to ip daddr map @public"};
    table.chains["nat-prerouting"] = {
        .hook = "type nat hook prerouting priority -100; policy accept;", .rules = lead};
    table.chains["nat-output"] = {.hook = "type nat hook output priority -100; policy accept;",
                                  .rules = lead};
    // Before libvirt's own, which gives all guests the host's first address.
    table.chains["nat-postrouting"] = {
        .hook = "type nat hook postrouting priority 99; policy accept;",
        .rules = {
            fmt::format("oifname != \"{}\" snat ip to ip saddr map @public-out", spec.bridge)}};
    for (const AddressMapping& mapping : spec.mappings)
        add_mapping(table, mapping);
}

NftTable inet_table(const NetworkSpec& spec) {
    NftTable table{.family = "inet", .name = spec.name};
    table.sets["in"].declaration = "type ipv4_addr : verdict";
    table.sets["out"].declaration = "type ipv4_addr : verdict";
    table.sets["owners"].declaration = "type uid . ipv4_addr";
    add_hooks(table, spec);
    table.chains["from-guest"] = from_guest(spec);
    table.chains["to-guest"] = to_guest(spec);
    table.chains["from-elsewhere"] = from_elsewhere(spec);
    table.chains["from-host"] = from_host();
    table.chains["passed"] = {.rules = {set_mark(passed_mark) + " accept"}};
    table.chains["untracked-in"] = {
        .rules = {fmt::format("meta mark & {0:#x} == {0:#x} ", open_egress_mark) +
                      set_connection_mark(untracked_ingress),
                  passed}};
    table.chains["untracked-out"] = {
        .rules = {fmt::format("meta mark & {0:#x} == {0:#x} ", open_ingress_mark) +
                      set_connection_mark(untracked_egress),
                  "goto to-guest"}};
    for (const GroupSpec& group : spec.groups)
        add_group(table, group);
    for (const PortSpec& port : spec.ports)
        add_port(table, spec, port);
    add_mappings(table, spec);
    return table;
}

// --- Commands.

/// Collects the commands that make one table of another, in an order in which each refers only to
/// what is there.
class Commands {
  public:
    explicit Commands(const NftTable& table) : place_(table.family + " " + table.name) {}

    void add_table() { line("add table {}", place_); }
    void delete_table() { line("delete table {}", place_); }
    void add_set(const std::string& name, const NftSet& set) {
        line("add {} {} {} {{ {}; }}", set.is_map() ? "map" : "set", place_, name, set.declaration);
    }
    void add_chain(const std::string& name, const NftChain& chain) {
        if (chain.hook.empty()) {
            line("add chain {} {}", place_, name);
        } else {
            line("add chain {} {} {{ {} }}", place_, name, chain.hook);
        }
    }
    void add_rules(const std::string& chain, const std::vector<std::string>& rules) {
        for (const std::string& rule : rules)
            line("add rule {} {} {}", place_, chain, rule);
    }
    void flush_chain(const std::string& name) { line("flush chain {} {}", place_, name); }
    void delete_chain(const std::string& name) { line("delete chain {} {}", place_, name); }
    void delete_set(const std::string& name, const NftSet& set) {
        line("delete {} {} {}", set.is_map() ? "map" : "set", place_, name);
    }
    void add_elements(const std::string& set, const std::vector<std::string>& elements) {
        if (elements.empty()) return;
        line("add element {} {} {{ {} }}", place_, set, fmt::join(elements, ", "));
    }
    void delete_elements(const std::string& set, const std::vector<std::string>& elements) {
        if (elements.empty()) return;
        line("delete element {} {} {{ {} }}", place_, set, fmt::join(elements, ", "));
    }
    std::string take() { return std::move(text_); }

  private:
    template <class... Arguments>
    void line(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
        text_ += '\n';
    }

    std::string place_;
    std::string text_;
};

std::string element_text(const std::string& key, const std::string& verdict) {
    return verdict.empty() ? key : key + " : " + verdict;
}

void change_elements(Commands& commands, const std::string& name, const NftSet& from,
                     const NftSet& to) {
    std::vector<std::string> added;
    std::vector<std::string> removed;
    for (const auto& [key, verdict] : from.elements) {
        const auto kept = to.elements.find(key);
        if (kept == to.elements.end() || kept->second != verdict) removed.push_back(key);
    }
    for (const auto& [key, verdict] : to.elements) {
        const auto known = from.elements.find(key);
        if (known == from.elements.end() || known->second != verdict)
            added.push_back(element_text(key, verdict));
    }
    commands.delete_elements(name, removed);
    commands.add_elements(name, added);
}

void change_table(Commands& commands, const NftTable& from, const NftTable& to) {
    static const NftSet no_set;
    static const NftChain no_chain;
    const auto before = [](const auto& map, const std::string& name, const auto& none) {
        const auto found = map.find(name);
        return found == map.end() ? &none : &found->second;
    };
    for (const auto& [name, set] : to.sets) {
        if (!from.sets.contains(name)) commands.add_set(name, set);
    }
    for (const auto& [name, chain] : to.chains) {
        if (!from.chains.contains(name)) commands.add_chain(name, chain);
    }
    for (const auto& [name, chain] : to.chains) {
        const NftChain& old = *before(from.chains, name, no_chain);
        if (old.rules == chain.rules) continue;
        if (!old.rules.empty()) commands.flush_chain(name);
        commands.add_rules(name, chain.rules);
    }
    for (const auto& [name, set] : to.sets)
        change_elements(commands, name, *before(from.sets, name, no_set), set);
    for (const auto& [name, chain] : from.chains) {
        if (!to.chains.contains(name)) commands.flush_chain(name);
    }
    for (const auto& [name, chain] : from.chains) {
        if (!to.chains.contains(name)) commands.delete_chain(name);
    }
    for (const auto& [name, set] : from.sets) {
        if (!to.sets.contains(name)) commands.delete_set(name, set);
    }
}

}  // namespace

RuleSet rule_set_of(const NetworkSpec& spec) {
    return {inet_table(spec), bridge_table(spec)};
}

std::string load_commands(const RuleSet& rules) {
    std::string text = removal_commands(rules);
    for (const NftTable& table : rules) {
        Commands commands(table);
        commands.add_table();
        change_table(commands, {.family = table.family, .name = table.name}, table);
        text += commands.take();
    }
    return text;
}

std::string change_commands(const RuleSet& from, const RuleSet& to) {
    std::string text;
    for (std::size_t i = 0; i < to.size(); ++i) {
        Commands commands(to[i]);
        change_table(commands, from.at(i), to[i]);
        text += commands.take();
    }
    return text;
}

std::string removal_commands(const RuleSet& rules) {
    std::string text;
    for (const NftTable& table : rules) {
        Commands commands(table);
        commands.add_table();
        commands.delete_table();
        text += commands.take();
    }
    return text;
}

}  // namespace kiln::hypervisor
