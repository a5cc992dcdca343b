#include "hypervisor/libvirt/saved_domain.hpp"

#include <gmock/gmock.h>

#include <pugixml.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "hypervisor/hypervisor.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::hypervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Property;
using ::testing::Throws;

constexpr const char* old_uuid = "11111111-0d9e-4f00-8abc-0123456789ab";
constexpr const char* new_uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ab";

/// As libvirt writes it, as far as it matters here.
constexpr const char* saved_xml = R"(<domain type='qemu'>
  <name>kiln-appliance</name>
  <uuid>11111111-0d9e-4f00-8abc-0123456789ab</uuid>
  <title>appliance</title>
  <memory unit='KiB'>524288</memory>
  <vcpu placement='static'>1</vcpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/appliances/template.qcow2'/>
      <backingStore/>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </disk>
    <serial type='pty'>
      <source path='/dev/pts/3'/>
      <log file='/dev/null' append='on'/>
      <target type='isa-serial' port='0'/>
    </serial>
    <channel type='unix'>
      <source mode='bind' path='/run/libvirt/kiln-appliance/agent'/>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
  </devices>
</domain>)";

DomainSpec guest() {
    return {.name = "i-0123456789abcdef0",
            .uuid = new_uuid,
            .title = "kiln t1.micro",
            .catalog_id = "catalog",
            .vcpus = 1,
            .memory = Bytes::mebibytes(512),
            .disks = {{.target = "vda",
                       .chain = {{"/appliances/i-1.qcow2"}, {"/appliances/template.qcow2"}}}},
            .user = ProcessUser{.uid = 70001, .gid = 70001},
            .console_log = "/instances/i-1/console.log"};
}

std::string saved_file(const std::string& xml, const std::string& cookie,
                       const std::string& state) {
    const std::string data = xml + '\0' + cookie + '\0' + std::string(50, '\0');
    std::string head = "LibvirtQemudSave";
    const auto put = [&](std::uint32_t word) {
        head.append(reinterpret_cast<const char*>(&word), sizeof word);
    };
    put(2);
    put(static_cast<std::uint32_t>(data.size()));
    put(1);
    put(0);
    put(static_cast<std::uint32_t>(xml.size() + 1));
    head.resize(92);
    return head + data + state;
}

class SavedDomain : public testing::Test {
  protected:
    std::filesystem::path write(const std::string& bytes) {
        const std::filesystem::path file = directory_.path() / "saved";
        write_file_atomically(file, bytes, 0600);
        return file;
    }
    tests::TemporaryDirectory directory_;
};

TEST_F(SavedDomain, becomes_another_with_the_same_machine) {
    const SavedHead head = saved_head_for(
        {.xml = saved_xml, .cookie = std::string("<cookie>") + old_uuid + "</cookie>"}, guest());
    pugi::xml_document document;
    ASSERT_TRUE(document.load_string(head.xml.c_str()));
    const pugi::xml_node domain = document.child("domain");
    EXPECT_STREQ(domain.child_value("name"), "i-0123456789abcdef0");
    EXPECT_STREQ(domain.child_value("uuid"), new_uuid);
    EXPECT_STREQ(domain.child_value("title"), "kiln t1.micro");
    EXPECT_STREQ(domain.child_value("memory"), "524288");
    EXPECT_STREQ(domain.child("seclabel").child_value("label"), "+70001:+70001");
    EXPECT_EQ(document.select_nodes("//metadata/*[@catalog='catalog']").size(), 1U);
    const pugi::xml_node disk = document.select_node("//disk").node();
    EXPECT_STREQ(disk.child("source").attribute("file").value(), "/appliances/i-1.qcow2");
    EXPECT_STREQ(disk.child("backingStore").child("source").attribute("file").value(),
                 "/appliances/template.qcow2");
    EXPECT_STREQ(disk.child("address").attribute("bus").value(), "0x01");
    EXPECT_STREQ(document.select_node("//serial/log/@file").attribute().value(),
                 "/instances/i-1/console.log");
    EXPECT_THAT(head.xml, Not(HasSubstr("/dev/pts/3")));
    EXPECT_THAT(head.xml, Not(HasSubstr("kiln-appliance")));
    EXPECT_EQ(head.cookie, std::string("<cookie>") + new_uuid + "</cookie>");
}

TEST_F(SavedDomain, is_written_with_another_head_before_the_same_state) {
    const auto file = write(saved_file(saved_xml, "cookie", "QEVM and the state"));
    EXPECT_EQ(read_saved_head(file).xml, saved_xml);
    EXPECT_EQ(read_saved_head(file).cookie, "cookie");

    const std::filesystem::path copy = directory_.path() / "copy";
    write_saved_domain(copy, {.xml = "<longer/>" + std::string(5000, ' '), .cookie = "other"},
                       file);
    EXPECT_EQ(read_saved_head(copy).xml, "<longer/>" + std::string(5000, ' '));
    EXPECT_EQ(read_saved_head(copy).cookie, "other");
    EXPECT_THAT(read_file(copy), testing::EndsWith(std::string("\0QEVM and the state", 19)));

    const std::filesystem::path bare = directory_.path() / "bare";
    write_saved_domain(bare, {.xml = "<x/>", .cookie = ""}, file);
    EXPECT_EQ(read_saved_head(bare).cookie, "");
    EXPECT_THAT(read_file(bare), testing::EndsWith("QEVM and the state"));
}

TEST_F(SavedDomain, that_is_none_is_refused) {
    const std::string good = saved_file(saved_xml, "cookie", "state");
    std::string newer = good;
    newer[16] = 3;
    std::string endless = good;
    endless[23] = 0x7f;
    for (const std::string& bytes :
         {std::string(), good.substr(0, 91), good.substr(0, 500), "X" + good, newer, endless}) {
        EXPECT_THAT([&] { read_saved_head(write(bytes)); },
                    Throws<Error>(Property(&Error::code, stale_saved_domain)))
            << bytes.size();
    }
    EXPECT_THROW(read_saved_head(directory_.path() / "missing"), Error);
}

}  // namespace
}  // namespace kiln::hypervisor
