#include "hypervisor/domain/domain_xml.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <pugixml.hpp>

#include "base/error.hpp"
#include "tests/golden.hpp"

namespace kiln::hypervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

DomainSpec small_guest() {
    return {
        .name = "i-0123456789abcdef0",
        .uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ab",
        .title = "web server",
        .catalog_id = "catalog-1",
        .vcpus = 2,
        .memory = Bytes::mebibytes(512),
        .disks = {{.target = "vda",
                   .serial = "vol0123456789abcdef0",
                   .chain = {{"/pool/top.qcow2"}}}},
        .interfaces = {{.mac_address = "52:54:00:00:00:01"}},
        .console_log = "/state/console.log",
    };
}

pugi::xml_document parse(const std::string& xml) {
    pugi::xml_document document;
    EXPECT_TRUE(document.load_string(xml.c_str())) << xml;
    return document;
}

TEST(DomainXml, describes_a_bios_guest_under_tcg) {
    tests::expect_golden("bios_tcg.xml", domain_xml(small_guest()));
}

TEST(DomainXml, describes_a_bios_guest_under_kvm) {
    DomainSpec spec = small_guest();
    spec.accelerator = Accelerator::kvm;
    tests::expect_golden("bios_kvm.xml", domain_xml(spec));
}

TEST(DomainXml, describes_a_uefi_guest) {
    DomainSpec spec = small_guest();
    spec.uefi = UefiSpec{.code = "/usr/share/OVMF/OVMF_CODE_4M.fd", .variables = "/state/vars.fd"};
    tests::expect_golden("uefi.xml", domain_xml(spec));
}

TEST(DomainXml, describes_a_guest_with_secure_boot_and_a_tpm) {
    DomainSpec spec = small_guest();
    spec.uefi = UefiSpec{.code = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
                         .variables = "/state/vars.fd",
                         .protects_variables = true};
    spec.has_tpm = true;
    tests::expect_golden("secure_boot.xml", domain_xml(spec));
}

DomainSpec windows_guest() {
    DomainSpec spec = small_guest();
    spec.profile = {.hyperv = true, .local_time = true, .has_usb_input = true};
    spec.disks[0].target = "sda";
    spec.disks[0].bus = DiskBus::sata;
    spec.interfaces[0].model = CardModel::e1000e;
    spec.spare_disk_slots = 1;
    return spec;
}

TEST(DomainXml, describes_a_windows_guest_under_kvm) {
    DomainSpec spec = windows_guest();
    spec.accelerator = Accelerator::kvm;
    tests::expect_golden("windows_kvm.xml", domain_xml(spec));
}

TEST(DomainXml, describes_a_windows_guest_under_tcg) {
    tests::expect_golden("windows_tcg.xml", domain_xml(windows_guest()));
}

TEST(DomainXml, describes_a_macos_guest) {
    DomainSpec spec = windows_guest();
    spec.accelerator = Accelerator::kvm;
    spec.profile = {.has_usb_input = true, .smc_key = "words, with <a> comma"};
    spec.interfaces[0].model = CardModel::vmxnet3;
    tests::expect_golden("macos.xml", domain_xml(spec));
}

TEST(DomainXml, takes_features_from_the_processor) {
    DomainSpec spec = small_guest();
    spec.processor_without = {"smap", "smep"};
    const auto document = parse(domain_xml(spec));
    const auto features = document.select_nodes(
        "/domain/cpu[@mode='maximum']/feature"
        "[@policy='disable']/@name");
    ASSERT_EQ(features.size(), 2U);
    EXPECT_STREQ(features[0].attribute().value(), "smap");
    EXPECT_STREQ(features[1].attribute().value(), "smep");
}

TEST(DomainXml, describes_a_port_of_a_network) {
    DomainSpec spec = small_guest();
    spec.interfaces[0].port = NetworkPort{.network = "kiln-0a1b2c", .device = "k0a1b2c-1005"};
    tests::expect_golden("network_port.xml", domain_xml(spec));
}

TEST(DomainXml, names_the_user_of_qemu) {
    DomainSpec spec = small_guest();
    spec.user = ProcessUser{.uid = 2130706433, .gid = 107};
    const auto document = parse(domain_xml(spec));
    const pugi::xml_node label = document.select_node("/domain/seclabel").node();
    EXPECT_STREQ(label.attribute("type").value(), "static");
    EXPECT_STREQ(label.attribute("model").value(), "dac");
    EXPECT_STREQ(label.attribute("relabel").value(), "yes");
    EXPECT_STREQ(label.child_value("label"), "+2130706433:+107");
}

TEST(DomainXml, describes_a_guest_with_a_kernel_of_its_own) {
    DomainSpec spec = small_guest();
    spec.kernel = "/pool/vmlinuz";
    spec.ramdisk = "/pool/initrd";
    spec.kernel_arguments = "root=/dev/vda console=ttyS0";
    tests::expect_golden("direct_kernel.xml", domain_xml(spec));
}

TEST(DomainXml, describes_several_disks_with_their_whole_chains) {
    DomainSpec spec = small_guest();
    spec.disks[0].chain = {{"/pool/top.qcow2"}, {"/pool/middle.qcow2"}, {"/pool/base.qcow2"}};
    spec.disks.push_back({.target = "vdb",
                          .chain = {{"/pool/data.qcow2"}, {"/pool/empty.qcow2"}},
                          .cache = DiskCache::writeback});
    spec.disks.push_back({.target = "vdc",
                          .chain = {{"/pool/seed.raw"}},
                          .format = DiskFormat::raw,
                          .read_only = true});
    tests::expect_golden("several_disks.xml", domain_xml(spec));
}

TEST(DomainXml, describes_a_guest_with_slots_for_more_disks) {
    DomainSpec spec = small_guest();
    spec.spare_disk_slots = 2;
    tests::expect_golden("spare_slots.xml", domain_xml(spec));
}

TEST(DomainXml, describes_a_disk_to_be_plugged_in) {
    tests::expect_golden("disk.xml",
                         disk_xml({.target = "vdb",
                                   .serial = "vol0123456789abcdef1",
                                   .chain = {{"/pool/top.qcow2"}, {"/pool/base.qcow2"}}}));
}

constexpr const char* key = "5f0e1d2c-3b4a-4968-8776-655443322110";

TEST(DomainXml, names_the_key_of_each_encrypted_file) {
    tests::expect_golden("encrypted_disk.xml", disk_xml({.target = "vdb",
                                                         .chain = {{"/pool/top.qcow2", key},
                                                                   {"/pool/middle.qcow2", key},
                                                                   {"/pool/base.qcow2"}}}));
}

TEST(DomainXml, refuses_a_key_for_a_raw_disk) {
    EXPECT_THROW(
        disk_xml({.target = "vdb", .chain = {{"/pool/raw", key}}, .format = DiskFormat::raw}),
        Error);
}

TEST(DomainXml, describes_a_32_bit_guest) {
    DomainSpec spec = small_guest();
    spec.architecture = GuestArchitecture::i386;
    tests::expect_golden("i386.xml", domain_xml(spec));
}

TEST(DomainXml, describes_an_arm_guest) {
    DomainSpec spec = small_guest();
    spec.architecture = GuestArchitecture::aarch64;
    spec.uefi = UefiSpec{.code = "/usr/share/AAVMF/AAVMF_CODE.fd", .variables = "/state/vars.fd"};
    tests::expect_golden("aarch64.xml", domain_xml(spec));
}

TEST(DomainXml, gives_an_emulated_arm_guest_an_interrupt_controller_for_all_its_processors) {
    DomainSpec spec = small_guest();
    spec.architecture = GuestArchitecture::aarch64;
    spec.vcpus = 8;
    EXPECT_THAT(domain_xml(spec), Not(HasSubstr("<gic")));
    spec.vcpus = 9;
    EXPECT_THAT(domain_xml(spec), HasSubstr("<gic version=\"3\""));
    spec.accelerator = Accelerator::kvm;
    EXPECT_THAT(domain_xml(spec), Not(HasSubstr("<gic"))) << "the host's own";
}

struct Hostile {
    const char* what;
    std::function<std::string&(DomainSpec&)> field;
    const char* xpath;
};

class DomainXmlText : public testing::TestWithParam<Hostile> {};

TEST_P(DomainXmlText, keeps_markup_in_text_as_text) {
    const std::string hostile = R"(a"b'c<d>&e</title><devices/>)";
    DomainSpec spec = small_guest();
    GetParam().field(spec) = hostile;
    const pugi::xml_document document = parse(domain_xml(spec));
    EXPECT_EQ(document.select_node(GetParam().xpath).node().text().get(), hostile);
    EXPECT_EQ(document.child("domain").select_nodes("devices").size(), 1U);
}

TEST_P(DomainXmlText, replaces_what_xml_cannot_say) {
    DomainSpec spec = small_guest();
    GetParam().field(spec) = "one\ntwo\x01three";
    const pugi::xml_document document = parse(domain_xml(spec));
    EXPECT_STREQ(document.select_node(GetParam().xpath).node().text().get(), "one two three");
}

INSTANTIATE_TEST_SUITE_P(
    Fields, DomainXmlText,
    testing::Values(
        Hostile{"name", [](DomainSpec& spec) -> std::string& { return spec.name; }, "/domain/name"},
        Hostile{"title", [](DomainSpec& spec) -> std::string& { return spec.title; },
                "/domain/title"},
        Hostile{"arguments",
                [](DomainSpec& spec) -> std::string& {
                    spec.kernel = "/vmlinuz";
                    return spec.kernel_arguments;
                },
                "/domain/os/cmdline"},
        Hostile{"serial", [](DomainSpec& spec) -> std::string& { return spec.disks[0].serial; },
                "/domain/devices/disk/serial"}),
    [](const auto& test) { return test.param.what; });

TEST(DomainXml, escapes_attributes) {
    DomainSpec spec = small_guest();
    spec.catalog_id = R"(a"b<c>'d&)";
    spec.disks[0].chain = {{R"(/pool/"><disk/>.qcow2)"}};
    const pugi::xml_document document = parse(domain_xml(spec));
    EXPECT_EQ(document.select_node("/domain/metadata/*/@catalog").attribute().value(),
              spec.catalog_id);
    EXPECT_EQ(document.select_node("/domain/devices/disk/source/@file").attribute().value(),
              spec.disks[0].chain[0].path);
}

TEST(DomainXml, never_lets_libvirt_change_the_owner_of_what_backs_a_disk) {
    DomainSpec spec = small_guest();
    spec.disks[0].chain = {{"/pool/a"}, {"/pool/b"}, {"/pool/c"}, {"/pool/d"}};
    const pugi::xml_document document = parse(domain_xml(spec));
    EXPECT_EQ(document.select_nodes("//backingStore/source").size(), 3U);
    EXPECT_EQ(
        document.select_nodes("//backingStore/source[seclabel[@model='dac' and @relabel='no']]")
            .size(),
        3U);
    EXPECT_TRUE(document.select_nodes("//disk/source/seclabel").empty());
}

TEST(DomainXml, ends_every_chain_so_that_nothing_is_probed) {
    for (const std::size_t length : {1U, 2U, 16U}) {
        DomainSpec spec = small_guest();
        spec.disks[0].chain.assign(length, {.path = "/pool/layer.qcow2"});
        const pugi::xml_document document = parse(domain_xml(spec));
        EXPECT_EQ(document.select_nodes("//backingStore").size(), length);
        EXPECT_EQ(document.select_nodes("//backingStore[not(*)]").size(), 1U);
    }
}

TEST(DomainXml, shows_the_guest_one_uuid_everywhere) {
    const DomainSpec spec = small_guest();
    const pugi::xml_document document = parse(domain_xml(spec));
    for (const char* place : {"/domain/uuid", "/domain/sysinfo/system/entry[@name='uuid']",
                              "/domain/sysinfo/system/entry[@name='serial']"}) {
        EXPECT_EQ(document.select_node(place).node().text().get(), spec.uuid) << place;
    }
}

TEST(DomainXml, leaves_out_what_is_not_there) {
    DomainSpec spec = small_guest();
    spec.title = "";
    spec.disks[0].serial = "";
    spec.console_log = "";
    const pugi::xml_document document = parse(domain_xml(spec));
    for (const char* absent : {"//title", "//disk/serial", "//serial/log", "//kernel", "//loader",
                               "//graphics", "//disk/readonly"}) {
        EXPECT_TRUE(document.select_nodes(absent).empty()) << absent;
    }
}

TEST(DomainXml, refuses_a_disk_without_a_file) {
    DomainSpec spec = small_guest();
    spec.disks[0].chain.clear();
    EXPECT_THROW(domain_xml(spec), Error);
}

}  // namespace
}  // namespace kiln::hypervisor
