#include "launcher/types/instance_type.hpp"

#include <gmock/gmock.h>

#include <set>

#include "launcher/types/obstacle.hpp"
#include "tests/catalog_fixture.hpp"
#include "tests/fakes/fake_hypervisor.hpp"

namespace kiln::tests {

namespace {

using images::Architecture;
using images::VirtualizationType;
using launcher::InstanceTypes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(InstanceTypeTest, every_type_has_a_name_of_its_own_and_a_shape) {
    const InstanceTypes types;
    std::set<std::string> names;
    for (const auto& type : types.all()) {
        EXPECT_TRUE(names.insert(type.name).second) << type.name;
        EXPECT_GT(type.vcpus, 0U) << type.name;
        EXPECT_GT(type.memory.value, 0U) << type.name;
        EXPECT_FALSE(type.architectures.empty()) << type.name;
        EXPECT_FALSE(type.virtualization_types.empty()) << type.name;
        EXPECT_TRUE(type.baseline_percent < 100 || !type.burstable) << type.name;
    }
}

TEST(InstanceTypeTest, the_families_run_what_their_namesakes_do) {
    const InstanceTypes types;
    EXPECT_THAT(types.get("t4g.nano").architectures, ElementsAre(Architecture::arm64));
    EXPECT_THAT(types.get("m6g.medium").architectures, ElementsAre(Architecture::arm64));
    EXPECT_THAT(types.get("t3.nano").architectures, ElementsAre(Architecture::x86_64));
    EXPECT_THAT(types.get("mac1.metal").architectures, ElementsAre(Architecture::x86_64_mac));
    for (const char* name : {"m1.small", "t1.micro"}) {
        EXPECT_THAT(types.get(name).architectures,
                    ElementsAre(Architecture::i386, Architecture::x86_64));
        EXPECT_THAT(types.get(name).virtualization_types,
                    ElementsAre(VirtualizationType::hvm, VirtualizationType::paravirtual));
    }
    EXPECT_THAT(types.get("m5.large").virtualization_types, ElementsAre(VirtualizationType::hvm));
}

TEST(InstanceTypeTest, a_typing_error_is_answered_with_the_nearest_name) {
    const InstanceTypes types;
    EXPECT_EQ(types.get("t3.small").memory, Bytes::gibibytes(2));
    const auto message = error_message_of([&] { types.get("t3.smal"); });
    EXPECT_THAT(message, HasSubstr("Did you mean 't3.small'?"));
}

TEST(InstanceTypeTest, custom_ones_stand_beside_those_of_ec2) {
    const InstanceTypes types({{"lab.small",
                                {.vcpus = 3,
                                 .memory = Bytes::mebibytes(700),
                                 .architectures = {"i386"},
                                 .virtualization_types = {"paravirtual"},
                                 .storage = {Bytes::gibibytes(3)},
                                 .baseline_percent = 30}}});
    const launcher::InstanceType& type = types.get("lab.small");
    EXPECT_EQ(type.vcpus, 3U);
    EXPECT_EQ(type.memory, Bytes::mebibytes(700));
    EXPECT_THAT(type.architectures, ElementsAre(Architecture::i386));
    EXPECT_THAT(type.virtualization_types, ElementsAre(VirtualizationType::paravirtual));
    EXPECT_THAT(type.storage, ElementsAre(Bytes::gibibytes(3)));
    EXPECT_TRUE(type.burstable);
    EXPECT_EQ(processor_weight(type), 90U);
    EXPECT_EQ(types.all().size(), InstanceTypes().all().size() + 1);
}

TEST(InstanceTypeTest, a_custom_one_cannot_take_the_name_of_ec2s) {
    const auto call = [] {
        InstanceTypes({{"t3.small", {.vcpus = 1, .memory = Bytes::mebibytes(64)}}});
    };
    EXPECT_EQ(error_code_of(call), "InvalidConfiguration");
}

TEST(InstanceTypeTest, a_host_without_the_qemu_cannot_run_it) {
    const InstanceTypes types;
    const hypervisor::Accelerators intel(
        {{hypervisor::GuestArchitecture::x86_64, hypervisor::Accelerator::kvm, ""}});
    EXPECT_EQ(obstacle_to(types.get("t3.nano"), intel), "");
    EXPECT_EQ(obstacle_to(types.get("t2.nano"), intel), "") << "one of its architectures will do";
    EXPECT_THAT(obstacle_to(types.get("t4g.nano"), intel), HasSubstr("qemu-system-arm"));
}

TEST(InstanceTypeTest, macos_runs_on_apples_hardware_alone) {
    const InstanceTypes types;
    const launcher::InstanceType& mac = types.get("mac1.metal");
    EXPECT_THAT(obstacle_to(mac, emulating_all()), HasSubstr("licence"));
    EXPECT_THAT(obstacle_to(mac, emulating_all("Apple Inc")), HasSubstr("licence"));
    EXPECT_EQ(obstacle_to(mac, emulating_all("Apple Inc.")), "");
}

}  // namespace

}  // namespace kiln::tests
