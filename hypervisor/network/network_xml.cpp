#include "hypervisor/network/network_xml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>

namespace kiln::hypervisor {

namespace {

void set(pugi::xml_node node, const char* name, const std::string& value) {
    node.append_attribute(name).set_value(value.c_str());
}

void add_host(pugi::xml_node parent, const DhcpHost& host) {
    pugi::xml_node node = parent.append_child("host");
    set(node, "mac", host.mac_address);
    set(node, "name", host.name);
    set(node, "ip", to_text(host.address));
}

std::string to_text(const pugi::xml_document& document) {
    std::ostringstream text;
    document.save(text, "  ", pugi::format_indent | pugi::format_no_declaration);
    return text.str();
}

}  // namespace

std::string mac_address_of(Ipv4Address address) {
    return fmt::format("02:00:{:02x}:{:02x}:{:02x}:{:02x}", address.bits >> 24U,
                       address.bits >> 16U & 0xffU, address.bits >> 8U & 0xffU,
                       address.bits & 0xffU);
}

std::string network_xml(const NetworkSpec& spec) {
    pugi::xml_document document;
    pugi::xml_node network = document.append_child("network");
    network.append_child("name").text().set(spec.name.c_str());
    network.append_child("uuid").text().set(spec.uuid.c_str());
    set(network.append_child("forward"), "mode", "nat");
    pugi::xml_node bridge = network.append_child("bridge");
    set(bridge, "name", spec.bridge);
    set(bridge, "stp", "off");
    set(bridge, "delay", "0");
    pugi::xml_node domain = network.append_child("domain");
    set(domain, "name", spec.domain);
    set(domain, "localOnly", "yes");
    pugi::xml_node ip = network.append_child("ip");
    set(ip, "address", kiln::to_text(spec.gateway));
    set(ip, "prefix", std::to_string(spec.range.prefix_length));
    pugi::xml_node dhcp = ip.append_child("dhcp");
    for (const DhcpHost& host : all_dhcp_hosts(spec))
        add_host(dhcp, host);
    return to_text(document);
}

std::vector<DhcpHost> needed_dhcp_hosts(const NetworkSpec& spec) {
    std::vector<DhcpHost> hosts{{.mac_address = mac_address_of(spec.reserved),
                                 .name = "reserved",
                                 .address = spec.reserved}};
    for (const PortSpec& port : spec.ports) {
        hosts.push_back(
            {.mac_address = port.mac_address, .name = port.host_name, .address = port.address});
    }
    std::ranges::sort(hosts);
    return hosts;
}

std::vector<DhcpHost> all_dhcp_hosts(const NetworkSpec& spec) {
    std::vector<DhcpHost> hosts = needed_dhcp_hosts(spec);
    hosts.insert(hosts.end(), spec.expected_hosts.begin(), spec.expected_hosts.end());
    std::ranges::sort(hosts);
    const auto repeated = std::ranges::unique(hosts);
    hosts.erase(repeated.begin(), repeated.end());
    return hosts;
}

std::vector<DhcpHost> parse_dhcp_hosts(const std::string& network_xml) {
    pugi::xml_document document;
    document.load_string(network_xml.c_str());
    std::vector<DhcpHost> hosts;
    const pugi::xml_node dhcp = document.child("network").child("ip").child("dhcp");
    for (const pugi::xml_node node : dhcp.children("host")) {
        const auto address = parse_ipv4_address(node.attribute("ip").value());
        if (!address) continue;
        hosts.push_back({.mac_address = node.attribute("mac").value(),
                         .name = node.attribute("name").value(),
                         .address = *address});
    }
    std::ranges::sort(hosts);
    return hosts;
}

std::string dhcp_host_xml(const DhcpHost& host) {
    pugi::xml_document document;
    add_host(document, host);
    return to_text(document);
}

}  // namespace kiln::hypervisor
