#include "hypervisor/libvirt/bridged_networks.hpp"

#include <fmt/format.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "base/log.hpp"
#include "hypervisor/libvirt/handles.hpp"
#include "hypervisor/libvirt/libvirt_error.hpp"
#include "hypervisor/network/connection_tracking.hpp"
#include "hypervisor/network/forward_acceptance.hpp"
#include "hypervisor/network/host_routing.hpp"
#include "hypervisor/network/network_xml.hpp"

namespace kiln::hypervisor {

namespace {

NetworkPtr find_network(virConnectPtr connection, const std::string& name) {
    NetworkPtr network(virNetworkLookupByName(connection, name.c_str()));
    if (network || last_libvirt_code() == VIR_ERR_NO_NETWORK) return network;
    throw last_libvirt_error(fmt::format("find the network '{}'", name), name);
}

void create_network(virConnectPtr connection, const NetworkSpec& spec) {
    const NetworkPtr made(virNetworkCreateXML(connection, network_xml(spec).c_str()));
    if (made) return;
    throw last_libvirt_error(
        fmt::format("make the network '{}' ({})", spec.name, to_text(spec.range)), spec.name);
}

std::vector<DhcpHost> present_hosts(virNetworkPtr network, const std::string& name) {
    const TextPtr xml(virNetworkGetXMLDesc(network, 0));
    if (!xml) throw last_libvirt_error(fmt::format("look at the network '{}'", name), name);
    return parse_dhcp_hosts(xml.get());
}

void update_host(virNetworkPtr network, virNetworkUpdateCommand command, const DhcpHost& host) {
    const std::string xml = dhcp_host_xml(host);
    const int status = virNetworkUpdate(network, command, VIR_NETWORK_SECTION_IP_DHCP_HOST, -1,
                                        xml.c_str(), VIR_NETWORK_UPDATE_AFFECT_LIVE);
    if (status == 0) return;
    throw last_libvirt_error(
        fmt::format("change what DHCP gives to '{}' ({})", host.name, to_text(host.address)));
}

std::vector<DhcpHost> difference(const std::vector<DhcpHost>& of, const std::vector<DhcpHost>& to) {
    std::vector<DhcpHost> result;
    std::ranges::set_difference(of, to, std::back_inserter(result));
    return result;
}

void apply_network(virConnectPtr connection, const NetworkSpec& spec) {
    const NetworkPtr network = find_network(connection, spec.name);
    if (!network) {
        create_network(connection, spec);
        return;
    }
    const auto present = present_hosts(network.get(), spec.name);
    for (const DhcpHost& host : difference(present, all_dhcp_hosts(spec)))
        update_host(network.get(), VIR_NETWORK_UPDATE_COMMAND_DELETE, host);
    for (const DhcpHost& host : difference(needed_dhcp_hosts(spec), present))
        update_host(network.get(), VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, host);
}

std::set<Ipv4Address> guests_of(const NetworkSpec& spec) {
    std::set<Ipv4Address> guests;
    for (const PortSpec& port : spec.ports)
        guests.insert(port.address);
    return guests;
}

}  // namespace

std::optional<std::string> bridging_obstacle(const std::string& uri) {
    if (uri != "qemu:///system") {
        return fmt::format("bridges need libvirt's system instance on this host, and the URI is {}",
                           uri);
    }
    if (::geteuid() != 0) return "only root may make bridges and packet filters";
    return std::nullopt;
}

void BridgedNetworks::load_rules(const NetworkSpec& spec, RuleSet wanted) {
    const bool is_there = std::ranges::all_of(wanted, [&](const NftTable& table) {
        return nftables_->has_table(table.family, table.name);
    });
    const auto known = applied_.find(spec.name);
    if (is_there && known != applied_.end()) {
        try {
            nftables_->run(change_commands(known->second.rules, wanted));
            known->second.rules = std::move(wanted);
            return;
        } catch (const Error& error) {
            // Somebody has changed it meanwhile.
            log::warn("the rules of the network {} are loaded anew: {}", spec.name, error.what());
        }
    } else if (known != applied_.end()) {
        log::warn("the rules of the network {} are gone: they are loaded anew", spec.name);
    }
    nftables_->run(load_commands(wanted));
    forget_learned_cards(spec);
    applied_[spec.name].rules = std::move(wanted);
}

void BridgedNetworks::apply_rules(const NetworkSpec& spec) {
    if (!nftables_) nftables_.emplace();
    load_rules(spec, rule_set_of(spec));
    auto& before = applied_.at(spec.name).guests;
    std::set<Ipv4Address> guests = guests_of(spec);
    if (!before || !std::ranges::includes(guests, *before)) {
        forget_connections([&](Ipv4Address address) {
            return spec.range.contains(address) && address != spec.gateway &&
                   !guests.contains(address);
        });
    }
    before = std::move(guests);
}

void BridgedNetworks::apply_forwarding(const NetworkSpec& spec) {
    const auto had = had_mappings_.find(spec.name);
    const bool has_mappings = !spec.mappings.empty();
    // What another process has left is found at the first call.
    if (!has_mappings && had != had_mappings_.end() && !had->second) return;
    apply_forward_acceptance(spec);
    had_mappings_.insert_or_assign(spec.name, has_mappings);
}

void BridgedNetworks::apply(virConnectPtr connection, const NetworkSpec& spec) {
    const std::lock_guard lock(mutex_);
    apply_rules(spec);
    apply_network(connection, spec);
    apply_host_routing(spec);
    apply_forwarding(spec);
}

void BridgedNetworks::remove(virConnectPtr connection, const NetworkSpec& spec) {
    const std::lock_guard lock(mutex_);
    const NetworkPtr network = find_network(connection, spec.name);
    if (network && virNetworkDestroy(network.get()) != 0 &&
        last_libvirt_code() != VIR_ERR_NO_NETWORK) {
        throw last_libvirt_error(fmt::format("remove the network '{}'", spec.name), spec.name);
    }
    remove_host_routing(spec);
    apply_forwarding(spec);
    had_mappings_.erase(spec.name);
    if (!nftables_) nftables_.emplace();
    nftables_->run(removal_commands(rule_set_of(spec)));
    applied_.erase(spec.name);
}

}  // namespace kiln::hypervisor
