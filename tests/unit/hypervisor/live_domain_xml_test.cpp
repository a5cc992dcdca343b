#include "hypervisor/libvirt/live_domain_xml.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace kiln::hypervisor {
namespace {

constexpr const char* domain = R"(<domain type='qemu' id='1'><devices>
  <disk type='file'><source file='/pool/a.qcow2'/><target dev='vda'/></disk>
  <disk type='file'><source file='/pool/b.qcow2'/><target dev='vdb'/></disk>
  <channel type='unix'><target type='virtio' name='other' state='connected'/></channel>
  <channel type='unix'>
    <target type='virtio' name='org.qemu.guest_agent.0' state='disconnected'/>
  </channel>
</devices></domain>)";

TEST(LiveDomainXml, lists_the_disks_in_order) {
    EXPECT_THAT(disk_targets(domain), testing::ElementsAre("vda", "vdb"));
}

TEST(LiveDomainXml, finds_the_file_of_a_disk) {
    EXPECT_EQ(disk_file(domain, "vdb"), "/pool/b.qcow2");
    EXPECT_EQ(disk_file(domain, "vdc"), std::nullopt);
}

TEST(LiveDomainXml, looks_only_at_the_agents_own_channel) {
    EXPECT_FALSE(agent_is_connected(domain));
    std::string connected = domain;
    connected.replace(connected.find("disconnected"), std::string("disconnected").size(),
                      "connected");
    EXPECT_TRUE(agent_is_connected(connected));
}

TEST(LiveDomainXml, is_refused_when_it_is_no_xml) {
    EXPECT_THROW(disk_targets("<domain"), Error);
}

TEST(Capabilities, name_the_user_of_qemu) {
    EXPECT_EQ(qemu_user_in(R"(<capabilities><host>
        <secmodel><model>apparmor</model><baselabel type='kvm'>x</baselabel></secmodel>
        <secmodel><model>dac</model><baselabel type='kvm'>+64055:+994</baselabel>
          <baselabel type='qemu'>+64055:+994</baselabel></secmodel>
        </host></capabilities>)"),
              "64055:994");
}

TEST(Capabilities, name_no_user_where_qemu_runs_as_the_caller) {
    EXPECT_EQ(qemu_user_in("<capabilities><host><secmodel><model>none</model></secmodel>"
                           "</host></capabilities>"),
              "");
}

TEST(Metadata, names_the_catalog) {
    EXPECT_EQ(catalog_id_in("<guest catalog='abc'/>"), "abc");
    EXPECT_EQ(catalog_id_in("<guest/>"), "");
    EXPECT_EQ(catalog_id_in("no xml"), "");
}

}  // namespace
}  // namespace kiln::hypervisor
