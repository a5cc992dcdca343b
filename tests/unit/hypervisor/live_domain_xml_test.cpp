#include "hypervisor/libvirt/live_domain_xml.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace kiln::hypervisor {
namespace {

constexpr const char* domain = R"(<domain type='qemu' id='1'><devices>
  <disk type='file'><source file='/pool/a.qcow2'/><target dev='vda'/><serial>a</serial></disk>
  <disk type='file'><source file='/pool/b.qcow2'/><target dev='vdc'/><serial>b</serial></disk>
  <channel type='unix'><target type='virtio' name='other' state='connected'/></channel>
  <channel type='unix'>
    <target type='virtio' name='org.qemu.guest_agent.0' state='disconnected'/>
  </channel>
</devices></domain>)";

TEST(LiveDomainXml, lists_the_disks_in_order) {
    EXPECT_THAT(live_disks(domain), testing::ElementsAre(testing::Field(&LiveDisk::target, "vda"),
                                                         testing::Field(&LiveDisk::target, "vdc")));
}

TEST(LiveDomainXml, finds_a_disk_by_its_serial_number) {
    const auto disk = find_disk(domain, "b");
    ASSERT_TRUE(disk);
    EXPECT_EQ(disk->target, "vdc");
    EXPECT_EQ(disk->file, "/pool/b.qcow2");
    EXPECT_EQ(disk->xml,
              "<disk type=\"file\"><source file=\"/pool/b.qcow2\"/>"
              "<target dev=\"vdc\"/><serial>b</serial></disk>");
    EXPECT_FALSE(find_disk(domain, "c"));
}

TEST(LiveDomainXml, knows_the_first_target_that_is_free) {
    EXPECT_EQ(free_target(live_disks(domain)), "vdb");
    EXPECT_EQ(free_target({}), "vda");
    std::vector<LiveDisk> all;
    for (char letter = 'a'; letter <= 'z'; ++letter)
        all.push_back({.target = std::string("vd") + letter});
    EXPECT_THROW(free_target(all), Error);
}

TEST(LiveDomainXml, counts_the_ports_that_nothing_is_plugged_into) {
    EXPECT_EQ(free_root_ports(R"(<domain><devices>
        <disk><address type='pci' bus='0x02' slot='0x00'/></disk>
        <disk><address type='drive' bus='1'/></disk>
        <controller type='pci' index='0' model='pcie-root'/>
        <controller type='pci' index='1' model='pcie-root-port'>
          <address type='pci' bus='0x00' slot='0x01'/></controller>
        <controller type='pci' index='2' model='pcie-root-port'>
          <address type='pci' bus='0x00' slot='0x01'/></controller>
        <controller type='pci' index='17' model='pcie-root-port'>
          <address type='pci' bus='0x00' slot='0x02'/></controller>
        <rng><address type='pci' bus='0x11' slot='0x00'/></rng>
        </devices></domain>)"),
              1U);
    EXPECT_EQ(free_root_ports(domain), 0U);
}

TEST(LiveDomainXml, looks_only_at_the_agents_own_channel) {
    EXPECT_FALSE(agent_is_connected(domain));
    std::string connected = domain;
    connected.replace(connected.find("disconnected"), std::string("disconnected").size(),
                      "connected");
    EXPECT_TRUE(agent_is_connected(connected));
}

TEST(LiveDomainXml, is_refused_when_it_is_no_xml) {
    EXPECT_THROW(live_disks("<domain"), Error);
}

TEST(Capabilities, name_the_user_of_qemu) {
    EXPECT_EQ(qemu_user_in(R"(<capabilities><host>
        <secmodel><model>apparmor</model><baselabel type='kvm'>x</baselabel></secmodel>
        <secmodel><model>dac</model><baselabel type='kvm'>+64055:+994</baselabel>
          <baselabel type='qemu'>+64055:+994</baselabel></secmodel>
        </host></capabilities>)"),
              (ProcessUser{.uid = 64055, .gid = 994}));
}

TEST(Capabilities, name_no_user_where_qemu_runs_as_the_caller) {
    EXPECT_EQ(qemu_user_in("<capabilities><host><secmodel><model>none</model></secmodel>"
                           "</host></capabilities>"),
              std::nullopt);
}

TEST(Metadata, names_the_catalog) {
    EXPECT_EQ(catalog_id_in("<guest catalog='abc'/>"), "abc");
    EXPECT_EQ(catalog_id_in("<guest/>"), "");
    EXPECT_EQ(catalog_id_in("no xml"), "");
}

}  // namespace
}  // namespace kiln::hypervisor
