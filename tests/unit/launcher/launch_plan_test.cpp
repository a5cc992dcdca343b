#include "launcher/instances/launch_plan.hpp"

#include <gmock/gmock.h>

#include "base/text.hpp"
#include "launcher/types/instance_type.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::tests {

namespace {

using launcher::BlockDeviceOverride;
using launcher::plan_captured_devices;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

images::Image golden() {
    return {.id = ImageId::generate(),
            .owner = AccountId("111111111111"),
            .region = "local-1",
            .name = "golden",
            .state = images::ImageState::available,
            .architecture = images::Architecture::x86_64,
            .virtualization_type = images::VirtualizationType::hvm,
            .boot_mode = images::BootMode::legacy_bios,
            .root_device_name = "/dev/xvda",
            .block_devices = {{.device_name = "/dev/xvda",
                               .snapshot = SnapshotId("snap-0123456789abcdef0"),
                               .volume_size = Bytes::gibibytes(8)}}};
}

std::vector<images::ImageBlockDevice> plan_block_devices(
    const images::Image& image, const std::vector<BlockDeviceOverride>& overrides,
    const std::string& type = "t3.micro") {
    return launcher::plan_block_devices(image, overrides, launcher::InstanceTypes().get(type));
}

/// "/dev/sdb ephemeral0 4 GiB" for each ephemeral disk.
std::vector<std::string> ephemeral_disks(const std::vector<images::ImageBlockDevice>& devices) {
    std::vector<std::string> texts;
    for (const images::ImageBlockDevice& device : devices) {
        if (device.virtual_name.empty()) continue;
        texts.push_back(device.device_name + " " + device.virtual_name + " " +
                        std::to_string(device.volume_size.in_gibibytes()) + " GiB");
    }
    return texts;
}

TEST(DeviceName, is_one_of_a_disk_with_or_without_dev) {
    for (const char* name : {"/dev/sdf", "sdf", "/dev/sda1", "xvda", "/dev/xvdba", "hdb", "vdz15"})
        EXPECT_EQ(tests::error_code_of([&] { launcher::check_device_name(name); }), "") << name;
    for (const char* name : {"", "/dev/", "/dev/sd", "sd1", "/dev/sdabc", "/dev/sdf123", "sdf1a",
                             "/dev/nvme0n1", "/tmp/sdf", "sdF", "sdf "}) {
        EXPECT_EQ(tests::error_code_of([&] { launcher::check_device_name(name); }),
                  "InvalidBlockDeviceMapping")
            << name;
    }
}

TEST(LaunchPlanTest, without_overrides_the_images_mapping_is_taken) {
    const auto devices = plan_block_devices(golden(), {});
    ASSERT_EQ(devices.size(), 1U);
    EXPECT_EQ(devices[0].volume_size, Bytes::gibibytes(8));
    EXPECT_TRUE(devices[0].delete_on_termination);
}

TEST(LaunchPlanTest, overrides_grow_the_root_and_add_volumes) {
    const auto devices = plan_block_devices(
        golden(), {{.device_name = "/dev/xvda",
                    .volume_size = Bytes::gibibytes(20),
                    .delete_on_termination = false},
                   {.device_name = "/dev/sdf", .volume_size = Bytes::gibibytes(1)},
                   {.device_name = "/dev/sdg", .virtual_name = "ephemeral0"}});
    ASSERT_EQ(devices.size(), 2U);
    EXPECT_EQ(devices[0].device_name, "/dev/sdf");
    EXPECT_FALSE(devices[0].delete_on_termination);
    EXPECT_EQ(devices[1].volume_size, Bytes::gibibytes(20));
    EXPECT_FALSE(devices[1].delete_on_termination);
}

TEST(LaunchPlanTest, ephemeral_disks_are_those_that_the_type_has) {
    const std::vector<BlockDeviceOverride> asked{
        {.device_name = "/dev/sdc", .virtual_name = "ephemeral1"},
        {.device_name = "/dev/sdb", .virtual_name = "ephemeral0"}};
    EXPECT_THAT(ephemeral_disks(plan_block_devices(golden(), asked, "m1.large")),
                ElementsAre("/dev/sdb ephemeral0 420 GiB", "/dev/sdc ephemeral1 420 GiB"));
    EXPECT_THAT(ephemeral_disks(plan_block_devices(golden(), asked, "m3.medium")),
                ElementsAre("/dev/sdb ephemeral0 4 GiB"));
    EXPECT_THAT(ephemeral_disks(plan_block_devices(golden(), asked, "t3.micro")), IsEmpty());
    EXPECT_THAT(ephemeral_disks(plan_block_devices(golden(), {}, "m1.large")), IsEmpty())
        << "only what is mapped";
    EXPECT_THAT(ephemeral_disks(plan_block_devices(golden(), {}, "m5d.4xlarge")),
                ElementsAre("/dev/sdb ephemeral0 300 GiB", "/dev/sdc ephemeral1 300 GiB"))
        << "NVMe disks are there unasked";
}

TEST(LaunchPlanTest, an_images_ephemeral_disks_can_be_left_out_and_replaced) {
    images::Image image = golden();
    image.block_devices.push_back({.device_name = "/dev/sdb", .virtual_name = "ephemeral0"});
    EXPECT_THAT(ephemeral_disks(plan_block_devices(image, {}, "m1.small")),
                ElementsAre("/dev/sdb ephemeral0 160 GiB"));
    EXPECT_THAT(ephemeral_disks(plan_block_devices(
                    image, {{.device_name = "/dev/sdb", .no_device = true}}, "m1.small")),
                IsEmpty());
    const auto replaced = plan_block_devices(
        image, {{.device_name = "/dev/sdb", .volume_size = Bytes::gibibytes(1)}}, "m1.small");
    EXPECT_THAT(ephemeral_disks(replaced), IsEmpty());
    EXPECT_EQ(replaced.size(), 2U);
}

TEST(LaunchPlanTest, refuses_mappings_that_cannot_be) {
    const SnapshotId other("snap-fedcba98765432100");
    const std::vector<std::vector<BlockDeviceOverride>> rows{
        {{.device_name = "/dev/xvda", .volume_size = Bytes::gibibytes(7)}},
        {{.device_name = "/dev/xvda", .no_device = true}},
        {{.device_name = "/dev/xvda", .snapshot = other}},
        {{.device_name = "/dev/sdf"}},
        {{.device_name = "sda one", .volume_size = Bytes::gibibytes(1)}},
        {{.device_name = "/dev/sdf", .volume_size = Bytes::gibibytes(1)},
         {.device_name = "/dev/sdf", .volume_size = Bytes::gibibytes(2)}},
        {{.device_name = "/dev/sdf", .volume_size = Bytes::gibibytes(16385)}},
        {{.device_name = "/dev/sdf", .virtual_name = "ephemeral"}},
        {{.device_name = "/dev/sdf", .virtual_name = "ephemeral24"}},
        {{.device_name = "/dev/sdf", .virtual_name = "ephemeral0x"}},
        {{.device_name = "/dev/sdf", .virtual_name = "ami"}},
        {{.device_name = "/dev/xvda", .virtual_name = "ephemeral0"}},
        {{.device_name = "/dev/sdf",
          .virtual_name = "ephemeral0",
          .volume_size = Bytes::gibibytes(1)}},
        {{.device_name = "/dev/sdf", .virtual_name = "ephemeral0", .delete_on_termination = false}},
        {{.device_name = "/dev/sdf",
          .virtual_name = "ephemeral0",
          .encryption = {.encrypted = true}}},
    };
    for (const auto& overrides : rows) {
        EXPECT_EQ(error_code_of([&] { plan_block_devices(golden(), overrides); }),
                  "InvalidBlockDeviceMapping")
            << overrides[0].device_name;
    }
}

TEST(LaunchPlanTest, a_capture_changes_delete_on_termination_alone) {
    const auto devices = golden().block_devices;
    const auto changed = plan_captured_devices(
        devices, {{.device_name = "/dev/xvda", .delete_on_termination = false}});
    EXPECT_FALSE(changed.at(0).delete_on_termination);
    EXPECT_EQ(error_code_of([&] {
                  plan_captured_devices(
                      devices, {{.device_name = "/dev/xvda", .volume_size = Bytes::gibibytes(9)}});
              }),
              "InvalidBlockDeviceMapping");
    EXPECT_TRUE(
        plan_captured_devices(devices, {{.device_name = "/dev/xvda", .no_device = true}}).empty());
}

TEST(LaunchPlanTest, a_capture_changes_nothing_of_an_ephemeral_disk) {
    auto devices = golden().block_devices;
    devices.push_back({.device_name = "/dev/sdb", .virtual_name = "ephemeral0"});
    const std::vector<BlockDeviceOverride> rows{
        {.device_name = "/dev/sdb", .delete_on_termination = false},
        {.device_name = "/dev/sdb", .delete_on_termination = true},
        {.device_name = "/dev/sdb", .encryption = {.encrypted = true}},
        {.device_name = "/dev/sdc", .virtual_name = "ephemeral1", .delete_on_termination = false}};
    for (const BlockDeviceOverride& change : rows) {
        EXPECT_EQ(error_code_of([&] { plan_captured_devices(devices, {change}); }),
                  "InvalidBlockDeviceMapping");
    }
}

TEST(LaunchPlanTest, user_data_is_base64_of_at_most_16_kib) {
    launcher::check_user_data("");
    launcher::check_user_data(base64_encode(std::string(16384, 'x')));
    EXPECT_EQ(
        error_code_of([] { launcher::check_user_data(base64_encode(std::string(16385, 'x'))); }),
        "InvalidParameterValue");
    EXPECT_EQ(error_code_of([] { launcher::check_user_data("###"); }), "InvalidParameterValue");
}

}  // namespace

}  // namespace kiln::tests
