#include <gmock/gmock.h>

#include "hypervisor/network/forward_acceptance.hpp"
#include "hypervisor/network/host_routing.hpp"
#include "hypervisor/network/network_xml.hpp"
#include "hypervisor/network/rule_set.hpp"
#include "tests/golden.hpp"

namespace kiln::hypervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Ipv4Address address(const char* text) {
    return parse_ipv4_address(text).value();
}

PortSpec port(const char* device, const char* text) {
    return {.device = device,
            .mac_address = mac_address_of(address(text)),
            .address = address(text),
            .host_name = std::string("ip-") + device,
            .groups = {"sg-web"}};
}

NetworkSpec network() {
    NetworkSpec spec{.name = "kiln-0a1b2c",
                     .uuid = "7c9f0000-0000-4000-8000-00000000000a",
                     .bridge = "kiln-0a1b2c",
                     .port_prefix = "k0a1b2c-",
                     .range = parse_ipv4_range("172.31.0.0/16").value(),
                     .gateway = address("172.31.0.1"),
                     .reserved = address("172.31.0.3"),
                     .domain = "local-1.compute.internal",
                     .route_table = 7001};
    spec.ports = {port("k0a1b2c-0004", "172.31.0.4"), port("k0a1b2c-0005", "172.31.0.5")};
    spec.ports[0].ssh_users = {1000};
    const GroupRulePeer inside{.range = parse_ipv4_range("10.0.0.0/8").value()};
    spec.groups = {
        {.name = "sg-web",
         .ingress = {{.protocol = "tcp", .from_port = 22, .to_port = 22},
                     {.protocol = "tcp", .from_port = 8000, .to_port = 8080, .peer = inside},
                     {.protocol = "udp", .from_port = 0, .to_port = 65535},
                     {.protocol = "icmp", .from_port = 8, .to_port = -1},
                     {.protocol = "icmp", .from_port = -1, .peer = inside},
                     {.protocol = "47", .peer = inside},
                     {.protocol = "-1", .peer = {.group = "sg-web"}}},
         .egress = {{.protocol = "-1"}}}};
    return spec;
}

TEST(NetworkXml, describes_a_nat_network_with_its_reservations) {
    tests::expect_golden("network.xml", network_xml(network()));
}

TEST(NetworkXml, its_reservations_are_read_as_they_are_written) {
    NetworkSpec spec = network();
    EXPECT_EQ(parse_dhcp_hosts(network_xml(spec)), needed_dhcp_hosts(spec));
    const std::vector<DhcpHost> needed = needed_dhcp_hosts(spec);
    EXPECT_EQ(needed.size(), 3U);
    spec.expected_hosts = {needed.back(),
                           {.mac_address = mac_address_of(address("172.31.0.6")),
                            .name = "ip-172-31-0-6",
                            .address = address("172.31.0.6")}};
    EXPECT_EQ(needed_dhcp_hosts(spec), needed);
    EXPECT_EQ(all_dhcp_hosts(spec).size(), 4U);
    EXPECT_EQ(parse_dhcp_hosts(network_xml(spec)), all_dhcp_hosts(spec));
}

TEST(RuleSet, lets_pass_what_the_groups_of_a_port_say) {
    tests::expect_golden("rules.nft", load_commands(rule_set_of(network())));
}

TEST(RuleSet, what_is_as_it_was_needs_no_command) {
    const RuleSet rules = rule_set_of(network());
    EXPECT_THAT(change_commands(rules, rules), IsEmpty());
}

TEST(RuleSet, a_port_more_changes_no_other) {
    const NetworkSpec before = network();
    NetworkSpec after = network();
    after.ports.push_back(port("k0a1b2c-0006", "172.31.0.6"));
    const std::string more = change_commands(rule_set_of(before), rule_set_of(after));
    tests::expect_golden("port_added.nft", more);
    EXPECT_THAT(more, Not(HasSubstr("172.31.0.4")));
    tests::expect_golden("port_removed.nft",
                         change_commands(rule_set_of(after), rule_set_of(before)));
}

TEST(RuleSet, a_rule_less_is_one_chain_written_anew) {
    NetworkSpec after = network();
    after.groups[0].ingress.resize(1);
    tests::expect_golden("rule_removed.nft",
                         change_commands(rule_set_of(network()), rule_set_of(after)));
}

TEST(RuleSet, a_port_in_another_group_moves_with_its_address) {
    NetworkSpec before = network();
    before.groups.push_back({.name = "sg-db"});
    NetworkSpec after = before;
    after.ports[0].groups = {"sg-db"};
    tests::expect_golden("group_changed.nft",
                         change_commands(rule_set_of(before), rule_set_of(after)));
}

NetworkSpec network_with_mappings() {
    NetworkSpec spec = network();
    spec.mappings = {{.host_address = address("192.0.2.7"), .guest = address("172.31.0.4")},
                     {.host_address = address("192.0.2.8"),
                      .ports = PortRange{.first = 8000, .last = 8001},
                      .guest = address("172.31.0.5"),
                      .first_port = 80}};
    return spec;
}

TEST(RuleSet, mapped_addresses_lead_to_guests_until_none_is_mapped) {
    const RuleSet without = rule_set_of(network());
    const RuleSet with = rule_set_of(network_with_mappings());
    tests::expect_golden("mappings_added.nft", change_commands(without, with));
    tests::expect_golden("mappings_removed.nft", change_commands(with, without));
}

constexpr const char* untouched_forward = "-P FORWARD ACCEPT\n-A FORWARD -j LIBVIRT_FWI\n";
constexpr const char* own_rule =
    "-A FORWARD -o kiln-0a1b2c -m conntrack --ctstate DNAT -j ACCEPT\n";

std::vector<std::string> forward_commands(bool is_wanted, const std::string& chain) {
    std::vector<std::string> what;
    for (const auto& command : forward_acceptance_commands("kiln-0a1b2c", is_wanted, chain))
        what.push_back(command.front());
    return what;
}

TEST(ForwardAcceptance, is_one_rule_before_libvirt_s_while_it_is_wanted) {
    const std::string first = std::string(own_rule) + untouched_forward;
    const std::string last = std::string(untouched_forward) + own_rule;
    EXPECT_THAT(forward_commands(true, untouched_forward), ElementsAre("-I"));
    EXPECT_THAT(forward_commands(true, first), IsEmpty());
    EXPECT_THAT(forward_commands(true, last), ElementsAre("-D", "-I")) << "libvirt came after us";
    EXPECT_THAT(forward_commands(true, own_rule + first), ElementsAre("-D", "-D", "-I"));
    EXPECT_THAT(forward_commands(false, untouched_forward), IsEmpty());
    EXPECT_THAT(forward_commands(false, first), ElementsAre("-D"));
    EXPECT_THAT(forward_commands(false, "-A FORWARD -o kiln-0a1b2cd -j ACCEPT\n"), IsEmpty());
    EXPECT_THAT(forward_acceptance_commands("kiln-0a1b2c", true, untouched_forward).front(),
                ElementsAre("-I", "FORWARD", "-o", "kiln-0a1b2c", "-m", "conntrack", "--ctstate",
                            "DNAT", "-j", "ACCEPT"));
}

TEST(HostRouting, adds_the_rules_that_are_missing) {
    EXPECT_EQ(routing_rule_commands(network(), "[]"),
              "rule add pref 1001 iif kiln-0a1b2c fwmark 0/0x200000 unreachable\n"
              "rule add pref 1000 iif kiln-0a1b2c to 169.254.169.254 fwmark 0x200000/0x200000 "
              "lookup 7001\n");
    EXPECT_EQ(
        routing_rule_commands(network(), R"([{"priority":1000,"src":"all","iif":"kiln-0a1b2c"},
                                 {"priority":1001,"src":"all","iif":"kiln-ffffff"}])"),
        "rule add pref 1001 iif kiln-0a1b2c fwmark 0/0x200000 unreachable\n");
}

}  // namespace
}  // namespace kiln::hypervisor
