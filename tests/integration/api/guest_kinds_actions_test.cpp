#include <gmock/gmock.h>

#include "images/firmware/uefi_data.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class GuestKindsActionsTest : public ActionsTest {
  protected:
    /// Those of a RegisterImage of the golden image's root.
    WirePairs machine(const std::string& name, const WirePairs& others) {
        WirePairs pairs{{"Name", name},
                        {"RootDeviceName", "/dev/sda1"},
                        {"BlockDeviceMapping.1.DeviceName", "/dev/sda1"},
                        {"BlockDeviceMapping.1.Ebs.SnapshotId",
                         image_now(golden()).block_devices.at(0).snapshot->str()}};
        pairs.insert(pairs.end(), others.begin(), others.end());
        return pairs;
    }
    std::string register_image(const std::string& name, const WirePairs& others) {
        return done("RegisterImage", machine(name, others)).text("//imageId");
    }
    std::string refusal(const WirePairs& others) {
        return send("RegisterImage", machine("refused", others)).code;
    }
    std::string message_of(const std::string& action, const WirePairs& pairs) {
        return send(action, pairs).text("/Response/Errors/Error/Message");
    }
};

TEST_F(GuestKindsActionsTest, an_image_says_how_its_guests_boot) {
    const std::string id = register_image(
        "secure", {{"BootMode", "uefi"}, {"TpmSupport", "v2.0"}, {"SecureBoot", "true"}});
    const Answer answer = done("DescribeImages", {{"ImageId.1", id}});
    EXPECT_EQ(answer.text("//bootMode"), "uefi");
    EXPECT_EQ(answer.text("//tpmSupport"), "v2.0");
    EXPECT_EQ(answer.text("//secureBoot"), "true");
    EXPECT_EQ(done("DescribeImageAttribute", {{"ImageId", id}, {"Attribute", "tpmSupport"}})
                  .text("//tpmSupport/value"),
              "v2.0");

    const std::string arm = register_image("arm", {{"Architecture", "arm64"}});
    EXPECT_EQ(done("DescribeImages", {{"ImageId.1", arm}}).text("//bootMode"), "uefi")
        << "Arm has no other";
}

TEST_F(GuestKindsActionsTest, an_image_whose_guests_could_not_boot_is_refused) {
    EXPECT_EQ(refusal({{"Architecture", "arm64"}, {"BootMode", "legacy-bios"}}),
              "InvalidParameterCombination");
    EXPECT_EQ(refusal({{"Architecture", "i386"}, {"BootMode", "uefi"}}),
              "InvalidParameterCombination");
    EXPECT_EQ(refusal({{"TpmSupport", "v2.0"}}), "InvalidParameterCombination");
    EXPECT_EQ(refusal({{"TpmSupport", "v1.2"}, {"BootMode", "uefi"}}), "InvalidParameterValue");
    EXPECT_EQ(refusal({{"SecureBoot", "true"}}), "InvalidParameterCombination");
    EXPECT_EQ(refusal({{"KernelId", "aki-919dcaf8"}}), "InvalidParameterCombination") << "hvm";
    EXPECT_EQ(refusal({{"VirtualizationType", "paravirtual"}, {"KernelId", "aki-00000000"}}),
              "InvalidAMIID.NotFound");
    EXPECT_EQ(refusal({{"UefiData", "AAAA"}, {"BootMode", "uefi"}}), "InvalidParameterValue");
}

TEST_F(GuestKindsActionsTest, uefi_variables_go_from_an_instance_into_an_image) {
    const std::string image = register_image("uefi", {{"BootMode", "uefi"}});
    const std::string id =
        done("RunInstances", {{"ImageId", image}, {"MinCount", "1"}, {"MaxCount", "1"}})
            .text("//instanceId");
    settle();
    const Answer described = done("DescribeInstances", {{"InstanceId.1", id}});
    EXPECT_EQ(described.text("//currentInstanceBootMode"), "uefi");
    const std::string data = done("GetInstanceUefiData", {{"InstanceId", id}}).text("//uefiData");
    const std::string again = register_image("again", {{"BootMode", "uefi"}, {"UefiData", data}});
    EXPECT_EQ(done("DescribeImageAttribute", {{"ImageId", again}, {"Attribute", "uefiData"}})
                  .text("//uefiData/value"),
              data);
    become_stranger();
    EXPECT_EQ(send("GetInstanceUefiData", {{"InstanceId", id}}).code, "InvalidInstanceID.NotFound");
}

TEST_F(GuestKindsActionsTest, the_types_that_the_host_can_run_are_offered) {
    const auto names = done("DescribeInstanceTypes").texts("//item/instanceType");
    EXPECT_THAT(names, Contains("t3.micro"));
    EXPECT_THAT(names, Contains("t4g.micro"));
    EXPECT_THAT(names, Not(Contains("mac1.metal")));
    EXPECT_THAT(names, Not(Contains("r5.24xlarge"))) << "the host has not so much memory";
    EXPECT_EQ(done("DescribeInstanceTypeOfferings").texts("//item/instanceType").size(),
              names.size());
    EXPECT_THAT(message_of("DescribeInstanceTypes", {{"InstanceType.1", "mac1.metal"}}),
                HasSubstr("licence"));
    EXPECT_EQ(send("DescribeInstanceTypes", {{"InstanceType.1", "mac1.metal"}}).code,
              "InvalidInstanceType");
    host().fail_next("host_capacity", Error("Unavailable", "", "libvirtd is being restarted"));
    EXPECT_EQ(send("DescribeInstanceTypes", {{"InstanceType.1", "t3.micro"}}).code, "Unavailable")
        << "there is such a type";
    const auto with = [&](const char* filter, const char* value) {
        return done("DescribeInstanceTypes",
                    {{"Filter.1.Name", filter}, {"Filter.1.Value.1", value}})
            .texts("//item/instanceType");
    };
    const auto arm = with("processor-info.supported-architecture", "arm64");
    EXPECT_THAT(arm, Contains("t4g.micro"));
    EXPECT_THAT(arm, Each(HasSubstr("g.")));
    EXPECT_THAT(with("supported-boot-mode", "legacy-bios"),
                AllOf(Contains("t3.micro"), Not(Contains("t4g.micro"))));
    EXPECT_THAT(with("supported-boot-mode", "uefi"),
                AllOf(Contains("t3.micro"), Contains("t4g.micro")));
    EXPECT_THAT(with("nitro-tpm-support", "supported"), Contains("t3.micro"));
    const Answer t3 = done("DescribeInstanceTypes", {{"InstanceType.1", "t3.micro"}});
    EXPECT_THAT(t3.texts("//supportedBootModes/item"), ElementsAre("legacy-bios", "uefi"));
}

TEST_F(GuestKindsActionsTest, kernels_are_listed_as_ec2_lists_its_own) {
    const Answer answer = done("DescribeImages", {{"Owner.1", "amazon"},
                                                  {"Filter.1.Name", "manifest-location"},
                                                  {"Filter.1.Value.1", "*pv-grub-hd00*x86_64*"}});
    EXPECT_THAT(answer.texts("//imagesSet/item/imageId"), ElementsAre("aki-499ccb20"));
    EXPECT_EQ(answer.text("//imageType"), "kernel");
    EXPECT_EQ(answer.text("//imageOwnerAlias"), "amazon");
    EXPECT_EQ(answer.text("//rootDeviceType"), "instance-store");
    EXPECT_EQ(done("DescribeImages", {{"ImageId.1", "aki-499ccb20"}}).text("//name"),
              "pv-grub-hd00_1.04-x86_64.gz");
    EXPECT_EQ(send("DescribeImages", {{"ImageId.1", "aki-00000000"}}).code,
              "InvalidAMIID.NotFound");
    EXPECT_THAT(done("DescribeImages", {{"Owner.1", "self"}}).texts("//imagesSet/item/imageId"),
                Not(Contains(HasSubstr("aki-"))));
}

TEST_F(GuestKindsActionsTest, windows_is_charged_as_windows) {
    images::Image image = image_now(golden());
    image.platform = images::windows_platform;
    write([&](Session& session) { images::update_image(session, image); });
    const Answer answer = done("DescribeImages", {{"ImageId.1", golden().str()}});
    EXPECT_EQ(answer.text("//platform"), "windows");
    EXPECT_EQ(answer.text("//platformDetails"), "Windows");
    EXPECT_EQ(answer.text("//usageOperation"), "RunInstances:0002");
}

TEST_F(GuestKindsActionsTest, macos_is_refused_with_the_licence_as_the_reason) {
    const std::string image = register_image("mac", {{"Architecture", "x86_64_mac"}});
    const WirePairs launch{
        {"ImageId", image}, {"InstanceType", "mac1.metal"}, {"MinCount", "1"}, {"MaxCount", "1"}};
    EXPECT_EQ(send("RunInstances", launch).code, "Unsupported");
    EXPECT_THAT(message_of("RunInstances", launch), HasSubstr("licence"));
}

TEST_F(GuestKindsActionsTest, the_host_tells_how_it_runs_each_architecture) {
    const Answer answer = done("DescribeHosts");
    EXPECT_THAT(answer.texts("//acceleratorSet/item/architecture"),
                ElementsAre("i386", "x86_64", "arm64"));
    EXPECT_THAT(answer.texts("//acceleratorSet/item/accelerator"), Each("tcg"));
    EXPECT_THAT(answer.texts("//acceleratorSet/item/reason"), Each("no guests here"));
    const std::string id = answer.text("//hostId");
    EXPECT_EQ(id.size(), 19U);
    EXPECT_EQ(done("DescribeHosts", {{"HostId.1", id}}).text("//hostId"), id);
    EXPECT_EQ(send("DescribeHosts", {{"HostId.1", "h-0123456789abcdef0"}}).code,
              "InvalidHostID.NotFound");

    const std::string before = answer.text("//availableMemoryInMiB");
    const std::string instance =
        done("RunInstances", {{"ImageId", golden().str()}, {"MinCount", "1"}, {"MaxCount", "1"}})
            .text("//instanceId");
    settle();
    const Answer later = done("DescribeHosts");
    EXPECT_THAT(later.texts("//instances/item/instanceId"), ElementsAre(instance));
    EXPECT_LT(std::stoi(later.text("//availableMemoryInMiB")), std::stoi(before));
    become_stranger();
    EXPECT_THAT(done("DescribeHosts").texts("//instances/item/instanceId"), IsEmpty());
}

}  // namespace

}  // namespace kiln::api::tests
