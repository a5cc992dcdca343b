#include "launcher/network/network_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace kiln::launcher {

namespace {

/// Beside the numbers that people choose.
constexpr std::uint32_t first_route_table = 0x6b000000;

std::string network_name(const images::Vpc& vpc) {
    return "kiln-" + vpc.identity;
}

std::string port_prefix(const images::Vpc& vpc) {
    return fmt::format("k{}-", vpc.identity);
}

/// At most 14 characters: the kernel takes 15.
std::string device_of(const images::Vpc& vpc, Ipv4Address address) {
    return fmt::format("{}{:04x}", port_prefix(vpc), address.bits - vpc.range.first.bits);
}

hypervisor::GroupRule plan_rule(const images::SecurityGroupRule& rule) {
    return {.protocol = rule.protocol,
            .from_port = rule.from_port,
            .to_port = rule.to_port,
            .peer = {.range = rule.range,
                     .group = rule.peer_group ? rule.peer_group->str() : std::string()}};
}

/// The groups that an interface has, and those whose members their rules speak of.
std::set<SecurityGroupId> used_groups(const NetworkRows& rows) {
    std::set<SecurityGroupId> had;
    for (const images::NetworkInterface& interface : rows.interfaces)
        had.insert(interface.groups.begin(), interface.groups.end());
    std::set<SecurityGroupId> used = had;
    for (const images::SecurityGroupRule& rule : rows.rules) {
        if (rule.peer_group && had.contains(rule.group)) used.insert(*rule.peer_group);
    }
    return used;
}

std::vector<hypervisor::GroupSpec> plan_groups(const NetworkRows& rows) {
    std::map<SecurityGroupId, hypervisor::GroupSpec> groups;
    for (const SecurityGroupId& id : used_groups(rows))
        groups.emplace(id, hypervisor::GroupSpec{.name = id.str()});
    for (const images::SecurityGroupRule& rule : rows.rules) {
        const auto group = groups.find(rule.group);
        if (group == groups.end()) continue;
        auto& direction = rule.is_egress ? group->second.egress : group->second.ingress;
        direction.push_back(plan_rule(rule));
        if (rule.peer_group && !groups.contains(*rule.peer_group)) direction.pop_back();
    }
    std::vector<hypervisor::GroupSpec> specs;
    specs.reserve(groups.size());
    for (auto& [id, group] : groups)
        specs.push_back(std::move(group));
    return specs;
}

hypervisor::PortSpec plan_port(const NetworkRows& rows, const images::NetworkInterface& interface) {
    hypervisor::PortSpec port{.device = device_of(rows.vpc, interface.address),
                              .mac_address = interface.mac_address,
                              .address = interface.address,
                              .host_name = host_name_of(interface.address)};
    const auto [first, last] = rows.users.equal_range(interface.owner);
    for (auto user = first; user != last; ++user)
        port.ssh_users.push_back(user->second);
    port.groups.reserve(interface.groups.size());
    for (const SecurityGroupId& group : interface.groups)
        port.groups.push_back(group.str());
    return port;
}

std::vector<hypervisor::DhcpHost> plan_expected_hosts(const NetworkRows& rows) {
    std::vector<hypervisor::DhcpHost> hosts;
    for (const images::Subnet& subnet : rows.subnets) {
        for (const Ipv4Address address : images::preferred_addresses(subnet)) {
            hosts.push_back({.mac_address = hypervisor::mac_address_of(address),
                             .name = host_name_of(address),
                             .address = address});
        }
    }
    return hosts;
}

std::vector<hypervisor::AddressMapping> plan_mappings(const NetworkRows& rows) {
    std::vector<hypervisor::AddressMapping> mappings;
    for (const images::Address& address : rows.addresses) {
        if (!address.association) continue;
        const auto interface = std::ranges::find(rows.interfaces, address.association->interface,
                                                 &images::NetworkInterface::id);
        if (interface == rows.interfaces.end()) continue;
        mappings.push_back({.host_address = address.public_address,
                            .ports = address.ports,
                            .guest = interface->address,
                            .first_port = address.association->first_port});
    }
    return mappings;
}

}  // namespace

hypervisor::NetworkSpec plan_empty_network(const images::Vpc& vpc) {
    constexpr int hexadecimal = 16;
    return {.name = network_name(vpc),
            .uuid = fmt::format("6b696c6e-0000-4000-8000-000000{}", vpc.identity),
            .bridge = network_name(vpc),
            .port_prefix = port_prefix(vpc),
            .range = vpc.range,
            .gateway = vpc.range.at(1),
            .reserved = vpc.range.at(3),
            .domain = domain_of(vpc.region),
            .route_table = first_route_table | static_cast<std::uint32_t>(std::strtoul(
                                                   vpc.identity.c_str(), nullptr, hexadecimal))};
}

hypervisor::NetworkSpec plan_network(const NetworkRows& rows) {
    hypervisor::NetworkSpec spec = plan_empty_network(rows.vpc);
    for (const images::NetworkInterface& interface : rows.interfaces)
        spec.ports.push_back(plan_port(rows, interface));
    spec.groups = plan_groups(rows);
    spec.mappings = plan_mappings(rows);
    spec.expected_hosts = plan_expected_hosts(rows);
    return spec;
}

hypervisor::InterfaceSpec plan_card(const images::Vpc& vpc,
                                    const images::NetworkInterface& interface) {
    return {.mac_address = interface.mac_address,
            .port = hypervisor::NetworkPort{.network = network_name(vpc),
                                            .device = device_of(vpc, interface.address)}};
}

std::string host_name_of(Ipv4Address address) {
    std::string name = "ip-" + to_text(address);
    std::ranges::replace(name, '.', '-');
    return name;
}

std::string domain_of(const std::string& region) {
    return region + ".compute.internal";
}

std::string private_dns_name(const images::NetworkInterface& interface) {
    return fmt::format("{}.{}", host_name_of(interface.address), domain_of(interface.region));
}

}  // namespace kiln::launcher
