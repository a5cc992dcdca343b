#include <gmock/gmock.h>

#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::UnorderedElementsAre;

class NetworkActionsTest : public ActionsTest {
  protected:
    NetworkActionsTest() {
        host().offer_bridges();
        settings().public_addresses = {address("192.0.2.7"),
                                       address("192.0.2.8", PortRange{.first = 8000, .last = 8999}),
                                       address("198.51.100.1")};
    }
    static PublicAddress address(const char* text, std::optional<PortRange> ports = std::nullopt) {
        return {.address = parse_ipv4_address(text).value(), .ports = ports};
    }

    /// The groups of the rule set that is on the host, by name.
    std::map<std::string, hypervisor::GroupSpec> groups_on_host() {
        std::map<std::string, hypervisor::GroupSpec> groups;
        for (const hypervisor::NetworkSpec& network : host().networks()) {
            for (const hypervisor::GroupSpec& group : network.groups)
                groups.emplace(group.name, group);
        }
        return groups;
    }
    std::vector<hypervisor::PortSpec> ports_on_host() {
        return host().networks().empty() ? std::vector<hypervisor::PortSpec>()
                                         : host().networks().front().ports;
    }
    std::string default_group() {
        return done("DescribeSecurityGroups", {{"GroupName.1", "default"}}).text("//groupId");
    }
};

TEST_F(NetworkActionsTest, a_region_has_one_vpc_with_a_subnet_in_each_zone) {
    const Answer vpcs = done("DescribeVpcs");
    ASSERT_EQ(vpcs.texts("//vpcSet/item/vpcId").size(), 1U);
    const std::string vpc = vpcs.text("//vpcSet/item/vpcId");
    EXPECT_THAT(vpc, MatchesRegex("vpc-[0-9a-f]{17}"));
    EXPECT_EQ(vpcs.text("//vpcSet/item/isDefault"), "true");
    EXPECT_EQ(vpcs.text("//vpcSet/item/state"), "available");
    EXPECT_THAT(vpcs.text("//vpcSet/item/cidrBlock"), MatchesRegex("(172|10)\\..*\\.0\\.0/16"));

    const Answer subnets =
        done("DescribeSubnets", {{"Filter.1.Name", "vpc-id"}, {"Filter.1.Value.1", vpc}});
    EXPECT_EQ(subnets.texts("//subnetSet/item/availabilityZone"),
              done("DescribeAvailabilityZones").texts("//zoneName"));
    EXPECT_EQ(subnets.text("//subnetSet/item/availableIpAddressCount"), "4091");

    EXPECT_THAT(done("DescribeAccountAttributes", {{"AttributeName.1", "default-vpc"}})
                    .texts("//attributeValue"),
                ElementsAre(vpc));
    EXPECT_THAT(done("DescribeAccountAttributes", {{"AttributeName.1", "supported-platforms"}})
                    .texts("//attributeValue"),
                ElementsAre("VPC"));
}

TEST_F(NetworkActionsTest, an_instance_has_a_private_address_until_it_is_terminated) {
    const std::string id = launch();
    const Answer shown = done("DescribeInstances", {{"InstanceId.1", id}});
    const std::string address = shown.text("//instancesSet/item/privateIpAddress");
    EXPECT_THAT(address, MatchesRegex("(172|10)\\..*\\.0\\.4"));
    std::string name = "ip-" + address;
    std::ranges::replace(name, '.', '-');
    EXPECT_EQ(shown.text("//instancesSet/item/privateDnsName"), name + ".local-1.compute.internal");
    EXPECT_EQ(shown.text("//instancesSet/item/groupSet/item/groupName"), "default");
    const Answer interfaces =
        done("DescribeNetworkInterfaces",
             {{"Filter.1.Name", "attachment.instance-id"}, {"Filter.1.Value.1", id}});
    EXPECT_EQ(interfaces.text("//networkInterfaceSet/item/privateIpAddress"), address);
    EXPECT_EQ(interfaces.text("//networkInterfaceSet/item/networkInterfaceId"),
              shown.text("//instancesSet/item/networkInterfaceSet/item/networkInterfaceId"));
    ASSERT_EQ(ports_on_host().size(), 1U);
    EXPECT_EQ(to_text(ports_on_host().front().address), address);

    stop(id);
    EXPECT_EQ(done("DescribeInstances").text("//instancesSet/item/privateIpAddress"), address);
    EXPECT_EQ(ports_on_host().size(), 1U);
    done("StartInstances", {{"InstanceId.1", id}});
    settle();
    EXPECT_EQ(done("DescribeInstances").text("//instancesSet/item/privateIpAddress"), address);

    done("TerminateInstances", {{"InstanceId.1", id}});
    settle();
    EXPECT_EQ(done("DescribeInstances").text("//instancesSet/item/privateIpAddress"), "");
    EXPECT_THAT(done("DescribeNetworkInterfaces").texts("//networkInterfaceId"), IsEmpty());
    EXPECT_THAT(ports_on_host(), IsEmpty());
}

TEST_F(NetworkActionsTest, the_port_is_on_the_host_before_the_guest_starts) {
    std::size_t ports = 0;
    host().before_next("start_domain", [&] { ports = ports_on_host().size(); });
    launch();
    EXPECT_EQ(ports, 1U);
}

TEST_F(NetworkActionsTest, an_address_can_be_asked_for_but_not_twice_and_not_outside) {
    const Answer subnets = done("DescribeSubnets");
    const std::string subnet = subnets.text("//subnetId");
    const std::string block = subnets.text("//cidrBlock");
    const std::string prefix = block.substr(0, block.rfind('.') + 1);
    const auto launch_at = [&](const std::string& address) {
        return send("RunInstances", {{"ImageId", golden().str()},
                                     {"MinCount", "1"},
                                     {"MaxCount", "1"},
                                     {"SubnetId", subnet},
                                     {"PrivateIpAddress", address}});
    };
    EXPECT_EQ(launch_at(prefix + "77").text("//privateIpAddress"), prefix + "77");
    EXPECT_EQ(launch_at(prefix + "77").code, "InvalidIPAddress.InUse");
    for (const std::string last : {"0", "1", "2", "3"})
        EXPECT_EQ(launch_at(prefix + last).code, "InvalidParameterValue") << last;
    EXPECT_EQ(launch_at("8.8.8.8").code, "InvalidParameterValue");
    EXPECT_EQ(launch_at("a.b.c.d").code, "InvalidParameterValue");
    EXPECT_EQ(send("RunInstances", {{"ImageId", golden().str()},
                                    {"MinCount", "1"},
                                    {"MaxCount", "2"},
                                    {"PrivateIpAddress", prefix + "78"}})
                  .code,
              "InvalidParameterCombination");
    settle();
}

TEST_F(NetworkActionsTest, a_launch_that_fails_gives_its_address_back) {
    host().fail_next("start_domain", Error("InsufficientInstanceCapacity", "", "no room"));
    const std::string id = launch();
    EXPECT_EQ(done("DescribeInstances").text("//instanceState/name"), "terminated");
    EXPECT_THAT(done("DescribeNetworkInterfaces").texts("//networkInterfaceId"), IsEmpty());
    EXPECT_THAT(ports_on_host(), IsEmpty());
}

TEST_F(NetworkActionsTest, the_default_group_is_as_ec2_s) {
    const Answer shown = done("DescribeSecurityGroups");
    const std::string id = shown.text("//groupId");
    EXPECT_EQ(shown.text("//groupDescription"), "default VPC security group");
    EXPECT_EQ(shown.text("//ipPermissions/item/ipProtocol"), "-1");
    EXPECT_EQ(shown.text("//ipPermissions/item/groups/item/groupId"), id);
    EXPECT_EQ(shown.text("//ipPermissionsEgress/item/ipProtocol"), "-1");
    EXPECT_EQ(shown.text("//ipPermissionsEgress/item/ipRanges/item/cidrIp"), "0.0.0.0/0");
    EXPECT_EQ(send("DeleteSecurityGroup", {{"GroupId", id}}).code, "CannotDelete");
    EXPECT_EQ(
        send("CreateSecurityGroup", {{"GroupName", "default"}, {"GroupDescription", "d"}}).code,
        "InvalidGroup.Reserved");
}

TEST_F(NetworkActionsTest, a_group_is_made_given_rules_and_deleted) {
    const std::string web = new_group("web");
    const Answer fresh = done("DescribeSecurityGroups", {{"GroupId.1", web}});
    EXPECT_THAT(fresh.texts("//ipPermissions/item/ipProtocol"), IsEmpty());
    EXPECT_EQ(fresh.text("//ipPermissionsEgress/item/ipRanges/item/cidrIp"), "0.0.0.0/0");
    EXPECT_EQ(
        send("CreateSecurityGroup", {{"GroupName", "web"}, {"GroupDescription", "again"}}).code,
        "InvalidGroup.Duplicate");

    const WirePairs ssh = rule_pairs(web, "tcp", "22", "10.0.0.0/8");
    const Answer authorized = done("AuthorizeSecurityGroupIngress", ssh);
    EXPECT_EQ(authorized.text("//return"), "true");
    EXPECT_EQ(authorized.text("//securityGroupRuleSet/item/cidrIpv4"), "10.0.0.0/8");
    const std::string rule = authorized.text("//securityGroupRuleId");
    EXPECT_THAT(rule, MatchesRegex("sgr-[0-9a-f]{17}"));
    EXPECT_EQ(send("AuthorizeSecurityGroupIngress", ssh).code, "InvalidPermission.Duplicate");
    WirePairs in_two_forms = ssh;
    in_two_forms.emplace_back("FromPort", "80");
    EXPECT_EQ(send("AuthorizeSecurityGroupIngress", in_two_forms).code,
              "InvalidParameterCombination");
    EXPECT_EQ(done("DescribeSecurityGroupRules", {{"SecurityGroupRuleId.1", rule}})
                  .text("//securityGroupRuleSet/item/toPort"),
              "22");
    EXPECT_EQ(send("RevokeSecurityGroupIngress", rule_pairs(web, "tcp", "23", "10.0.0.0/8")).code,
              "InvalidPermission.NotFound");
    done("RevokeSecurityGroupIngress", {{"GroupId", web}, {"SecurityGroupRuleId.1", rule}});
    EXPECT_THAT(done("DescribeSecurityGroups", {{"GroupId.1", web}})
                    .texts("//ipPermissions/item/ipProtocol"),
                IsEmpty());

    done("DeleteSecurityGroup", {{"GroupId", web}});
    EXPECT_EQ(send("DescribeSecurityGroups", {{"GroupId.1", web}}).code, "InvalidGroup.NotFound");
}

struct BadRule {
    const char* why;
    std::string protocol;
    std::string from_port;
    std::string to_port;
    std::string range;
    std::string code;
};

class BadRuleTest : public NetworkActionsTest, public testing::WithParamInterface<BadRule> {};

TEST_P(BadRuleTest, is_refused_and_leaves_the_group_as_it_was) {
    const std::string web = new_group("web");
    const BadRule& bad = GetParam();
    WirePairs pairs{{"GroupId", web},
                    {"IpPermissions.1.IpProtocol", "udp"},
                    {"IpPermissions.1.FromPort", "53"},
                    {"IpPermissions.1.ToPort", "53"},
                    {"IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8"},
                    {"IpPermissions.2.IpProtocol", bad.protocol}};
    if (!bad.from_port.empty()) pairs.emplace_back("IpPermissions.2.FromPort", bad.from_port);
    if (!bad.to_port.empty()) pairs.emplace_back("IpPermissions.2.ToPort", bad.to_port);
    if (!bad.range.empty()) pairs.emplace_back("IpPermissions.2.IpRanges.1.CidrIp", bad.range);
    const Answer answer = send("AuthorizeSecurityGroupIngress", pairs);
    EXPECT_EQ(answer.code, bad.code) << answer.printed();
    EXPECT_THAT(done("DescribeSecurityGroups", {{"GroupId.1", web}})
                    .texts("//ipPermissions/item/ipProtocol"),
                IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    rules, BadRuleTest,
    testing::Values(
        BadRule{"unknown_protocol", "http", "80", "80", "0.0.0.0/0", "InvalidParameterValue"},
        BadRule{"protocol_too_great", "256", "", "", "0.0.0.0/0", "InvalidParameterValue"},
        BadRule{"ports_the_wrong_way", "tcp", "90", "80", "0.0.0.0/0", "InvalidParameterValue"},
        BadRule{"port_too_great", "tcp", "80", "65536", "0.0.0.0/0", "InvalidParameterValue"},
        BadRule{"no_port", "tcp", "", "", "0.0.0.0/0", "MissingParameter"},
        BadRule{"no_peer", "tcp", "80", "80", "", "InvalidPermission.Malformed"},
        BadRule{"no_block", "tcp", "80", "80", "everywhere", "InvalidParameterValue"},
        BadRule{"prefix_too_long", "tcp", "80", "80", "10.0.0.0/33", "InvalidParameterValue"},
        BadRule{"ipv6", "tcp", "80", "80", "::/0", "InvalidParameterValue"},
        BadRule{"twice_in_one", "udp", "53", "53", "10.0.0.0/8", "InvalidPermission.Duplicate"}),
    [](const auto& test) { return test.param.why; });

TEST_F(NetworkActionsTest, a_block_is_kept_without_the_bits_beyond_its_prefix) {
    const Answer answer = done("AuthorizeSecurityGroupIngress",
                               rule_pairs(new_group("web"), "tcp", "80", "10.1.2.3/8"));
    EXPECT_EQ(answer.text("//cidrIpv4"), "10.0.0.0/8");
}

TEST_F(NetworkActionsTest, rules_of_a_running_guest_s_group_are_on_the_host_when_the_call_ends) {
    const std::string web = new_group("web");
    launch({{"SecurityGroupId.1", web}});
    EXPECT_THAT(groups_on_host()[web].ingress, IsEmpty());
    done("AuthorizeSecurityGroupIngress", rule_pairs(web, "tcp", "80", "0.0.0.0/0"));
    ASSERT_EQ(groups_on_host()[web].ingress.size(), 1U);
    EXPECT_EQ(groups_on_host()[web].ingress.front().from_port, 80);
    done("RevokeSecurityGroupIngress", rule_pairs(web, "tcp", "80", "0.0.0.0/0"));
    EXPECT_THAT(groups_on_host()[web].ingress, IsEmpty());
}

TEST_F(NetworkActionsTest, a_rule_that_cannot_take_effect_now_is_kept_and_said_to_be_late) {
    const std::string web = new_group("web");
    launch({{"SecurityGroupId.1", web}});
    host().fail_next("apply_network", Error("InternalError", "", "no nftables"));
    const Answer late =
        send("AuthorizeSecurityGroupIngress", rule_pairs(web, "tcp", "80", "0.0.0.0/0"));
    EXPECT_EQ(late.code, "InternalError");
    EXPECT_THAT(late.text("//Message"), testing::HasSubstr("not in effect yet: no nftables"));
    EXPECT_EQ(
        done("DescribeSecurityGroups", {{"GroupId.1", web}}).text("//ipPermissions/item/fromPort"),
        "80");
    done("AuthorizeSecurityGroupIngress", rule_pairs(web, "tcp", "443", "0.0.0.0/0"));
    EXPECT_EQ(groups_on_host()[web].ingress.size(), 2U);
}

TEST_F(NetworkActionsTest, groups_that_are_used_are_not_deleted) {
    const std::string web = new_group("web");
    const std::string database = new_group("database");
    done("AuthorizeSecurityGroupIngress", {{"GroupId", database},
                                           {"IpPermissions.1.IpProtocol", "tcp"},
                                           {"IpPermissions.1.FromPort", "5432"},
                                           {"IpPermissions.1.ToPort", "5432"},
                                           {"IpPermissions.1.Groups.1.GroupId", web}});
    EXPECT_EQ(send("DeleteSecurityGroup", {{"GroupId", web}}).code, "DependencyViolation");
    const std::string id = launch({{"SecurityGroupId.1", database}});
    EXPECT_EQ(send("DeleteSecurityGroup", {{"GroupId", database}}).code, "DependencyViolation");
    done("TerminateInstances", {{"InstanceId.1", id}});
    settle();
    done("DeleteSecurityGroup", {{"GroupId", database}});
    done("DeleteSecurityGroup", {{"GroupName", "web"}});
}

TEST_F(NetworkActionsTest, groups_of_an_instance_are_replaced_while_it_runs) {
    const std::string web = new_group("web");
    const std::string id = launch();
    done("ModifyInstanceAttribute", {{"InstanceId", id}, {"GroupId.1", web}});
    EXPECT_EQ(ports_on_host().front().groups, std::vector<std::string>{web});
    EXPECT_EQ(done("DescribeInstanceAttribute", {{"InstanceId", id}, {"Attribute", "groupSet"}})
                  .texts("//groupId"),
              std::vector<std::string>{web});
    done("ModifyInstanceAttribute",
         {{"InstanceId", id}, {"GroupId.1", web}, {"GroupId.2", default_group()}});
    EXPECT_THAT(ports_on_host().front().groups, UnorderedElementsAre(web, default_group()));
    EXPECT_EQ(
        send("ModifyInstanceAttribute", {{"InstanceId", id}, {"GroupId.1", "sg-0000000000000000f"}})
            .code,
        "InvalidGroup.NotFound");
}

TEST_F(NetworkActionsTest, another_account_s_groups_do_not_exist) {
    const std::string web = new_group("web");
    become_stranger();
    EXPECT_EQ(send("DescribeSecurityGroups", {{"GroupId.1", web}}).code, "InvalidGroup.NotFound");
    EXPECT_EQ(send("DeleteSecurityGroup", {{"GroupId", web}}).code, "InvalidGroup.NotFound");
    EXPECT_EQ(send("AuthorizeSecurityGroupIngress", rule_pairs(web, "tcp", "80", "0.0.0.0/0")).code,
              "InvalidGroup.NotFound");
    const std::string own = new_group("web");
    EXPECT_EQ(send("AuthorizeSecurityGroupIngress", {{"GroupId", own},
                                                     {"IpPermissions.1.IpProtocol", "-1"},
                                                     {"IpPermissions.1.Groups.1.GroupId", web}})
                  .code,
              "InvalidGroup.NotFound");
    EXPECT_THAT(done("DescribeSecurityGroups").texts("//securityGroupInfo/item/groupName"),
                UnorderedElementsAre("default", "web"));
}

TEST_F(NetworkActionsTest, metadata_options_are_given_at_launch_changed_and_shown) {
    const std::string id = launch({{"MetadataOptions.HttpTokens", "required"},
                                   {"MetadataOptions.HttpPutResponseHopLimit", "2"}});
    const Answer shown = done("DescribeInstances");
    EXPECT_EQ(shown.text("//metadataOptions/httpTokens"), "required");
    EXPECT_EQ(shown.text("//metadataOptions/httpPutResponseHopLimit"), "2");
    EXPECT_EQ(shown.text("//metadataOptions/httpEndpoint"), "enabled");
    const Answer changed =
        done("ModifyInstanceMetadataOptions", {{"InstanceId", id}, {"HttpEndpoint", "disabled"}});
    EXPECT_EQ(changed.text("//instanceMetadataOptions/httpEndpoint"), "disabled");
    EXPECT_EQ(changed.text("//instanceMetadataOptions/httpTokens"), "required");
    for (const std::string hops : {"0", "65", "-1"}) {
        EXPECT_EQ(send("ModifyInstanceMetadataOptions",
                       {{"InstanceId", id}, {"HttpPutResponseHopLimit", hops}})
                      .code,
                  "InvalidParameterValue")
            << hops;
    }
    EXPECT_EQ(send("ModifyInstanceMetadataOptions", {{"InstanceId", id}}).code, "MissingParameter");
}

TEST_F(NetworkActionsTest, an_address_of_the_host_is_mapped_to_an_instance_and_to_none_again) {
    const Answer allocated = done("AllocateAddress");
    const std::string allocation = allocated.text("//allocationId");
    EXPECT_EQ(allocated.text("//publicIp"), "192.0.2.7");
    EXPECT_EQ(send("AllocateAddress").code, "InsufficientAddressCapacity");
    const std::string id = launch();
    const Answer associated =
        done("AssociateAddress", {{"AllocationId", allocation}, {"InstanceId", id}});
    EXPECT_EQ(done("DescribeInstances").text("//instancesSet/item/ipAddress"), "192.0.2.7");
    EXPECT_EQ(done("DescribeNetworkInterfaces").text("//association/publicIp"), "192.0.2.7");
    EXPECT_EQ(done("DescribeAddresses").text("//addressesSet/item/instanceId"), id);
    ASSERT_EQ(host().networks().front().mappings.size(), 1U);
    EXPECT_EQ(host().networks().front().mappings.front().guest, ports_on_host().front().address);

    EXPECT_EQ(send("ReleaseAddress", {{"AllocationId", allocation}}).code,
              "InvalidIPAddress.InUse");
    done("DisassociateAddress", {{"AssociationId", associated.text("//associationId")}});
    EXPECT_THAT(host().networks().front().mappings, IsEmpty());
    EXPECT_EQ(done("DescribeInstances").text("//instancesSet/item/ipAddress"), "");
    done("ReleaseAddress", {{"PublicIp", "192.0.2.7"}});
    EXPECT_EQ(send("DescribeAddresses", {{"AllocationId.1", allocation}}).code,
              "InvalidAllocationID.NotFound");
}

TEST_F(NetworkActionsTest, ports_of_an_address_lead_to_an_instance_s_from_the_private_port_on) {
    const WirePairs ports{{"Address", "192.0.2.8"}, {"PortRange", "8000-8009"}};
    const std::string allocation = done("AllocateAddress", ports).text("//allocationId");
    EXPECT_EQ(send("AllocateAddress", ports).code, "InvalidAddress.InUse");
    EXPECT_EQ(send("AllocateAddress", {{"Address", "192.0.2.8"}, {"PortRange", "8009-8019"}}).code,
              "InvalidAddress.InUse");
    done("AllocateAddress", {{"Address", "192.0.2.8"}, {"PortRange", "8010"}});
    const std::string id = launch();
    done("AssociateAddress",
         {{"PublicIp", "192.0.2.8:8000-8009"}, {"InstanceId", id}, {"PrivatePort", "80"}});
    const hypervisor::AddressMapping mapping = host().networks().front().mappings.at(0);
    EXPECT_EQ(mapping.first_port, 80);
    EXPECT_EQ(mapping.ports, (PortRange{.first = 8000, .last = 8009}));
    EXPECT_EQ(done("DescribeAddresses", {{"AllocationId.1", allocation}}).text("//privatePort"),
              "80");
    for (const char* port : {"0", "65527", "-1"}) {
        EXPECT_EQ(send("AssociateAddress",
                       {{"AllocationId", allocation}, {"InstanceId", id}, {"PrivatePort", port}})
                      .code,
                  "InvalidParameterValue")
            << port;
    }
}

TEST_F(NetworkActionsTest, only_what_the_configuration_lists_and_the_host_has_is_allocated) {
    const auto code = [&](const std::string& address, const std::string& ports) {
        WirePairs pairs{{"Address", address}};
        if (!ports.empty()) pairs.emplace_back("PortRange", ports);
        return send("AllocateAddress", pairs).code;
    };
    for (const auto& [address, ports] :
         std::vector<std::pair<std::string, std::string>>{{"192.0.2.9", ""},
                                                          {"nonsense", ""},
                                                          {"192.0.2.8", ""},
                                                          {"192.0.2.8", "7999-8000"},
                                                          {"192.0.2.8", "22"},
                                                          {"192.0.2.8", "ssh"},
                                                          {"192.0.2.7", "1-65535"},
                                                          {"198.51.100.1", ""}}) {
        EXPECT_EQ(code(address, ports), "InvalidParameterValue") << address << ' ' << ports;
    }
    EXPECT_EQ(send("AllocateAddress", {{"PortRange", "8000"}}).code, "MissingParameter");
}

TEST_F(NetworkActionsTest, a_mapped_address_moves_unless_it_may_not_and_ends_with_the_instance) {
    const std::string allocation = done("AllocateAddress").text("//allocationId");
    const std::string first = launch();
    const std::string second = launch();
    const auto associate = [&](const std::string& id, const char* may_move) {
        return send("AssociateAddress", {{"AllocationId", allocation},
                                         {"InstanceId", id},
                                         {"AllowReassociation", may_move}})
            .code;
    };
    EXPECT_EQ(associate(first, "false"), "");
    EXPECT_EQ(associate(second, "false"), "Resource.AlreadyAssociated");
    EXPECT_EQ(associate(second, "true"), "");
    EXPECT_EQ(done("DescribeAddresses").text("//addressesSet/item/instanceId"), second);
    done("TerminateInstances", {{"InstanceId.1", second}});
    settle();
    EXPECT_EQ(done("DescribeAddresses").text("//addressesSet/item/instanceId"), "");
    EXPECT_THAT(host().networks().front().mappings, IsEmpty());
    become_stranger();
    EXPECT_EQ(associate(first, "true"), "InvalidAllocationID.NotFound");
    EXPECT_EQ(send("AllocateAddress").code, "InsufficientAddressCapacity");
}

TEST_F(NetworkActionsTest, an_interface_has_tags_of_its_own_until_its_instance_is_terminated) {
    const std::string instance = launch({{"TagSpecification.1.ResourceType", "network-interface"},
                                         {"TagSpecification.1.Tag.1.Key", "team"},
                                         {"TagSpecification.1.Tag.1.Value", "web"}});
    const Answer shown = done("DescribeNetworkInterfaces",
                              {{"Filter.1.Name", "tag:team"}, {"Filter.1.Value.1", "web"}});
    const std::string interface = shown.text("//networkInterfaceId");
    EXPECT_EQ(shown.text("//tagSet/item/value"), "web");
    done("CreateTags", {{"ResourceId.1", interface}, {"Tag.1.Key", "stage"}});
    const Answer tags = done("DescribeTags");
    EXPECT_THAT(tags.texts("//resourceType"),
                ElementsAre("network-interface", "network-interface"));
    become_stranger();
    EXPECT_EQ(send("CreateTags", {{"ResourceId.1", interface}, {"Tag.1.Key", "stage"}}).code,
              "InvalidNetworkInterfaceID.NotFound");
    become_owner();
    done("TerminateInstances", {{"InstanceId.1", instance}});
    settle();
    EXPECT_THAT(done("DescribeTags").texts("//key"), IsEmpty());
}

class UserNetworkingTest : public ActionsTest {};

TEST_F(UserNetworkingTest, instances_have_no_private_address_and_asking_for_one_says_why) {
    const std::string id = launch();
    const Answer shown = done("DescribeInstances", {{"InstanceId.1", id}});
    EXPECT_EQ(shown.text("//privateIpAddress"), "");
    EXPECT_THAT(host().networks(), IsEmpty());
    const Answer refused = send("RunInstances", {{"ImageId", golden().str()},
                                                 {"MinCount", "1"},
                                                 {"MaxCount", "1"},
                                                 {"SecurityGroup.1", "default"}});
    EXPECT_EQ(refused.code, "UnsupportedOperation");
    EXPECT_THAT(refused.text("//Message"), testing::HasSubstr("user networking"));
    EXPECT_EQ(
        send("ModifyInstanceAttribute", {{"InstanceId", id}, {"GroupId.1", new_group("web")}}).code,
        "UnsupportedOperation");
}

}  // namespace

}  // namespace kiln::api::tests
