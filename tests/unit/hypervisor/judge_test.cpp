#include "hypervisor/accelerator/judge.hpp"

#include <gmock/gmock.h>

#include "hypervisor/domain/architecture.hpp"

namespace kiln::hypervisor {

namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

HostIdentity host(const std::string& machine) {
    return {.boot_id = "boot",
            .kernel = "6.1",
            .machine = machine,
            .kvm_device = kvm_is_usable,
            .qemu = {"QEMU 7.2", "QEMU 7.2", "QEMU 7.2"}};
}

CanaryAnswer lives(GuestArchitecture, Accelerator, std::chrono::milliseconds) {
    return {true, "a canary sang"};
}

CanaryAnswer is_not_asked(GuestArchitecture architecture, Accelerator, std::chrono::milliseconds) {
    ADD_FAILURE() << "the canary of " << ec2_name(architecture) << " was asked";
    return {};
}

TEST(Judge, a_canary_that_lives_under_kvm_makes_it_the_choice) {
    for (const GuestArchitecture architecture :
         {GuestArchitecture::i386, GuestArchitecture::x86_64}) {
        const AcceleratorVerdict verdict = judge(architecture, host("x86_64"), lives);
        EXPECT_EQ(verdict.architecture, architecture);
        EXPECT_EQ(verdict.accelerator, Accelerator::kvm);
        EXPECT_EQ(verdict.reason, "KVM: a canary sang");
    }
    EXPECT_EQ(judge(GuestArchitecture::aarch64, host("aarch64"), lives).accelerator,
              Accelerator::kvm);
}

TEST(Judge, a_canary_that_dies_leaves_emulation) {
    const auto dies = [](auto&&...) { return CanaryAnswer{false, "it fell silent"}; };
    const AcceleratorVerdict verdict = judge(GuestArchitecture::x86_64, host("x86_64"), dies);
    EXPECT_EQ(verdict.accelerator, Accelerator::tcg);
    EXPECT_EQ(verdict.reason, "TCG: under KVM it fell silent");
}

TEST(Judge, guests_of_a_foreign_architecture_are_emulated) {
    for (const auto& [architecture, machine] : {std::pair(GuestArchitecture::aarch64, "x86_64"),
                                                std::pair(GuestArchitecture::x86_64, "aarch64"),
                                                std::pair(GuestArchitecture::i386, "aarch64"),
                                                std::pair(GuestArchitecture::x86_64, "i686"),
                                                std::pair(GuestArchitecture::x86_64, "riscv64")}) {
        const AcceleratorVerdict verdict = judge(architecture, host(machine), is_not_asked);
        EXPECT_EQ(verdict.accelerator, Accelerator::tcg) << machine;
        EXPECT_THAT(verdict.reason, HasSubstr(machine));
    }
}

TEST(Judge, without_a_usable_kvm_nobody_is_asked) {
    HostIdentity identity = host("x86_64");
    identity.kvm_device = "/dev/kvm does not exist";
    const AcceleratorVerdict verdict = judge(GuestArchitecture::x86_64, identity, is_not_asked);
    EXPECT_EQ(verdict.accelerator, Accelerator::tcg);
    EXPECT_EQ(verdict.reason, "TCG: /dev/kvm does not exist");
}

TEST(Judge, without_its_qemu_an_architecture_cannot_run) {
    HostIdentity identity = host("x86_64");
    identity.qemu.at(static_cast<std::size_t>(GuestArchitecture::aarch64)).clear();
    const AcceleratorVerdict verdict = judge(GuestArchitecture::aarch64, identity, is_not_asked);
    EXPECT_FALSE(verdict.accelerator);
    EXPECT_THAT(verdict.reason, StartsWith("qemu-system-aarch64"));
}

TEST(RunsNatively, x86_64_runs_i386_and_nobody_else_runs_another) {
    for (const GuestArchitecture architecture : guest_architectures) {
        EXPECT_TRUE(runs_natively(architecture, architecture));
        EXPECT_FALSE(runs_natively(architecture, std::nullopt));
    }
    EXPECT_TRUE(runs_natively(GuestArchitecture::i386, GuestArchitecture::x86_64));
    EXPECT_FALSE(runs_natively(GuestArchitecture::x86_64, GuestArchitecture::i386));
    EXPECT_FALSE(runs_natively(GuestArchitecture::aarch64, GuestArchitecture::x86_64));
}

}  // namespace

}  // namespace kiln::hypervisor
