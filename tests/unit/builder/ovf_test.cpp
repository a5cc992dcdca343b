#include "builder/export/ovf.hpp"

#include <gtest/gtest.h>

#include <pugixml.hpp>

#include "tests/golden.hpp"

namespace kiln::builder {

namespace {

OvfMachine debian_machine() {
    return {.name = "golden <1> & \"more\"",
            .os_id = "debian12",
            .disk_file = "ami-00000001-disk1.vmdk",
            .disk_file_size = {123'456},
            .disk_capacity = Bytes::gibibytes(10)};
}

pugi::xml_document parsed(const OvfMachine& machine) {
    pugi::xml_document document;
    EXPECT_TRUE(document.load_string(ovf_descriptor(machine).c_str()));
    return document;
}

std::string firmware_of(const OvfMachine& machine) {
    return parsed(machine)
        .select_node("//vmw:Config[@vmw:key='firmware']/@vmw:value")
        .attribute()
        .value();
}

std::string system_of(const OvfMachine& machine) {
    return parsed(machine).select_node("//OperatingSystemSection/@ovf:id").attribute().value();
}

TEST(Ovf, a_machine_is_described_as_virtualbox_and_vmware_read_it) {
    tests::expect_golden("machine.ovf", ovf_descriptor(debian_machine()));
}

TEST(Ovf, the_firmware_is_uefi_only_where_the_image_boots_through_nothing_else) {
    OvfMachine machine = debian_machine();
    EXPECT_EQ(firmware_of(machine), "");
    machine.boot_mode = images::BootMode::uefi_preferred;
    EXPECT_EQ(firmware_of(machine), "");
    machine.boot_mode = images::BootMode::uefi;
    EXPECT_EQ(firmware_of(machine), "efi");
}

TEST(Ovf, the_operating_system_is_told_in_numbers_of_cim) {
    OvfMachine machine = debian_machine();
    EXPECT_EQ(system_of(machine), "96");
    machine.architecture = images::Architecture::i386;
    EXPECT_EQ(system_of(machine), "95");
    machine.os_id = "";
    EXPECT_EQ(system_of(machine), "36");
    machine.architecture = images::Architecture::x86_64;
    EXPECT_EQ(system_of(machine), "101");
    machine.is_windows = true;
    EXPECT_EQ(system_of(machine), "103");
}

TEST(Ovf, the_properties_of_each_device_stand_in_the_order_of_their_names) {
    const auto document = parsed(debian_machine());
    const auto items = document.select_nodes("//Item");
    EXPECT_EQ(items.size(), 5U);
    for (const auto& item : items) {
        std::string last;
        for (const pugi::xml_node property : item.node().children()) {
            EXPECT_LT(last, property.name());
            last = property.name();
        }
    }
}

}  // namespace

}  // namespace kiln::builder
