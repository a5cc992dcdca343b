#include "launcher/network/network_plan.hpp"

#include <gmock/gmock.h>

namespace kiln::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const AccountId alice("111122223333");
const SecurityGroupId web("sg-00000001");
const SecurityGroupId database("sg-00000002");
const SecurityGroupId unused("sg-00000003");

images::Vpc vpc() {
    return {.id = VpcId("vpc-00000001"),
            .region = "local-1",
            .identity = "0a1b2c",
            .range = parse_ipv4_range("172.31.0.0/16").value()};
}

images::NetworkInterface interface(const char* address, const SecurityGroupId& group) {
    return {.id = NetworkInterfaceId::generate(),
            .owner = alice,
            .region = "local-1",
            .zone = "local-1a",
            .subnet = SubnetId("subnet-00000001"),
            .instance = InstanceId::generate(),
            .address = parse_ipv4_address(address).value(),
            .mac_address = hypervisor::mac_address_of(parse_ipv4_address(address).value()),
            .groups = {group}};
}

images::SecurityGroupRule from(const SecurityGroupId& peer, const SecurityGroupId& group) {
    return {.id = SecurityGroupRuleId::generate(),
            .group = group,
            .protocol = "tcp",
            .from_port = 5432,
            .to_port = 5432,
            .peer_group = peer};
}

NetworkRows rows() {
    return {.vpc = vpc(),
            .interfaces = {interface("172.31.16.5", database)},
            .rules = {from(web, database), from(database, unused)},
            .users = {{alice, 1000}}};
}

TEST(NetworkPlan, names_devices_after_the_network_and_the_address) {
    const auto spec = plan_network(rows());
    EXPECT_EQ(spec.name, "kiln-0a1b2c");
    EXPECT_EQ(spec.bridge, "kiln-0a1b2c");
    EXPECT_EQ(to_text(spec.gateway), "172.31.0.1");
    ASSERT_THAT(spec.ports, SizeIs(1));
    EXPECT_EQ(spec.ports[0].device, "k0a1b2c-1005");
    EXPECT_EQ(spec.ports[0].mac_address, "02:00:ac:1f:10:05");
    EXPECT_EQ(spec.ports[0].host_name, "ip-172-31-16-5");
    EXPECT_EQ(spec.ports[0].ssh_users, std::vector<uid_t>{1000});
    const auto card = plan_card(vpc(), rows().interfaces[0]);
    EXPECT_EQ(card.port->network, spec.name);
    EXPECT_EQ(card.port->device, spec.ports[0].device);
}

TEST(NetworkPlan, devices_of_the_largest_range_fit_the_kernels_names) {
    images::Vpc large = vpc();
    large.range = parse_ipv4_range("10.0.0.0/8").value();
    const auto card = plan_card(large, interface("10.255.255.254", web));
    EXPECT_EQ(card.port->device, "k0a1b2c-fffffe");
    EXPECT_LE(card.port->device.size(), 15U);
}

TEST(NetworkPlan, knows_the_groups_that_are_had_and_those_that_their_rules_name) {
    const auto spec = plan_network(rows());
    ASSERT_THAT(spec.groups, SizeIs(2));
    EXPECT_EQ(spec.groups[0].name, web.str());
    EXPECT_THAT(spec.groups[0].ingress, IsEmpty());
    EXPECT_EQ(spec.groups[1].name, database.str());
    ASSERT_THAT(spec.groups[1].ingress, SizeIs(1));
    EXPECT_EQ(spec.groups[1].ingress[0].peer.group, web.str());
}

TEST(NetworkPlan, a_network_without_guests_has_the_same_names) {
    const auto empty = plan_empty_network(vpc());
    const auto full = plan_network(rows());
    EXPECT_EQ(empty.name, full.name);
    EXPECT_EQ(empty.uuid, full.uuid);
    EXPECT_EQ(empty.route_table, full.route_table);
    EXPECT_THAT(empty.ports, IsEmpty());
}

TEST(NetworkPlan, expects_the_hosts_that_launches_will_make) {
    NetworkRows with_subnet = rows();
    with_subnet.subnets = {{.id = SubnetId("subnet-00000001"),
                            .vpc = vpc().id,
                            .range = parse_ipv4_range("172.31.16.0/28").value()}};
    const auto spec = plan_network(with_subnet);
    ASSERT_THAT(spec.expected_hosts, SizeIs(11));
    EXPECT_EQ(spec.expected_hosts[1].address, spec.ports[0].address);
    EXPECT_EQ(spec.expected_hosts[1].mac_address, spec.ports[0].mac_address);
    EXPECT_EQ(spec.expected_hosts[1].name, spec.ports[0].host_name);
}

TEST(NetworkPlan, an_interface_has_a_name_in_its_region) {
    EXPECT_EQ(private_dns_name(interface("172.31.16.5", web)),
              "ip-172-31-16-5.local-1.compute.internal");
}

}  // namespace
}  // namespace kiln::launcher
