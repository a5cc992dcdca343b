#include "launcher/instances/launch_plan.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::tests {

namespace {

using launcher::BlockDeviceOverride;
using launcher::plan_block_devices;
using launcher::plan_captured_devices;

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
