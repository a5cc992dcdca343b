#include "hypervisor/accelerator/accelerator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "hypervisor/accelerator/canary.hpp"
#include "hypervisor/domain/architecture.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::hypervisor {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::chrono::seconds ample_time{60};

class ChooseAccelerators : public testing::Test {
  protected:
    AcceleratorVerdict verdict_on_x86_64(const AskCanary& ask = run_canary) const {
        return choose_accelerators(cache_, ask)
            .all()
            .at(static_cast<std::size_t>(GuestArchitecture::x86_64));
    }

    tests::TemporaryDirectory directory_;
    const std::filesystem::path cache_ = directory_.path() / "accelerator.json";
};

TEST(Canary, of_each_architecture_lives_on_an_emulated_cpu) {
    for (const GuestArchitecture architecture : guest_architectures) {
        const CanaryAnswer answer = run_canary(architecture, Accelerator::tcg, ample_time);
        EXPECT_TRUE(answer.alive) << libvirt_name(architecture) << ": " << answer.description;
    }
}

TEST(Canary, that_takes_too_long_is_dead) {
    const CanaryAnswer answer =
        run_canary(GuestArchitecture::x86_64, Accelerator::tcg, std::chrono::milliseconds{1});
    EXPECT_FALSE(answer.alive);
    EXPECT_FALSE(answer.description.empty());
}

TEST(Canary, is_dead_where_qemu_is_missing) {
    const std::string path = ::getenv("PATH");
    ::setenv("PATH", "/nonexistent", 1);
    const CanaryAnswer answer = run_canary(GuestArchitecture::x86_64, Accelerator::tcg, ample_time);
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_FALSE(answer.alive);
    EXPECT_THAT(answer.description, HasSubstr("qemu-system-x86_64"));
}

TEST_F(ChooseAccelerators, chooses_kvm_only_where_a_canary_lives_under_it) {
    const Accelerators chosen = choose_accelerators(cache_);
    for (const AcceleratorVerdict& verdict : chosen.all()) {
        // A canary that lives, but takes long to, lets nobody choose KVM.
        if (verdict.accelerator == Accelerator::kvm) {
            EXPECT_TRUE(run_canary(verdict.architecture, Accelerator::kvm, ample_time).alive);
        }
        EXPECT_THAT(verdict.reason,
                    StartsWith(verdict.accelerator == Accelerator::kvm ? "KVM: " : "TCG: "));
    }
}

TEST_F(ChooseAccelerators, believes_what_the_canary_says) {
    const bool has_device = std::filesystem::exists("/dev/kvm");
    const AcceleratorVerdict alive = verdict_on_x86_64([](auto&&...) {
        return CanaryAnswer{true, "the canary sang"};
    });
    EXPECT_EQ(alive.accelerator, has_device ? Accelerator::kvm : Accelerator::tcg);
    EXPECT_EQ(alive.reason, has_device ? "KVM: the canary sang" : "TCG: /dev/kvm does not exist");

    std::filesystem::remove(cache_);
    const AcceleratorVerdict dead = verdict_on_x86_64([](auto&&...) {
        return CanaryAnswer{false, "the canary fell silent"};
    });
    EXPECT_EQ(dead.accelerator, Accelerator::tcg);
    EXPECT_EQ(dead.reason, has_device ? "TCG: under KVM the canary fell silent"
                                      : "TCG: /dev/kvm does not exist");
}

TEST_F(ChooseAccelerators, asks_no_canary_of_a_foreign_architecture) {
    choose_accelerators(cache_, [](GuestArchitecture architecture, auto&&...) {
        EXPECT_TRUE(is_x86(architecture));
        return CanaryAnswer{true, ""};
    });
    const Accelerators chosen = choose_accelerators(cache_);
    EXPECT_EQ(chosen.of(GuestArchitecture::aarch64), Accelerator::tcg);
    EXPECT_THAT(chosen.all().back().reason, HasSubstr("processors are x86_64"));
}

TEST_F(ChooseAccelerators, says_what_to_install_for_an_architecture_without_qemu) {
    const std::string path = ::getenv("PATH");
    ::setenv("PATH", "/nonexistent", 1);
    const Accelerators chosen = choose_accelerators(cache_);
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_FALSE(chosen.can_run(GuestArchitecture::aarch64));
    try {
        chosen.of(GuestArchitecture::aarch64);
        FAIL() << "it has no accelerator";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), error_code::unsupported_operation);
        EXPECT_THAT(error.message(), HasSubstr("qemu-system-arm"));
    }
}

TEST_F(ChooseAccelerators, uses_the_verdict_that_it_gave_before) {
    verdict_on_x86_64();
    std::string cached = read_file(cache_);
    const std::string reason = R"("reason": ")";
    for (std::size_t at = cached.find(reason); at != std::string::npos;
         at = cached.find(reason, at + 1)) {
        cached.insert(at + reason.size(), "remembered ");
    }
    write_file_atomically(cache_, cached, 0644);
    EXPECT_THAT(verdict_on_x86_64().reason, StartsWith("remembered "));
}

TEST_F(ChooseAccelerators, asks_again_when_the_cache_is_damaged) {
    const std::string first = verdict_on_x86_64().reason.substr(0, 4);
    write_file_atomically(cache_, "{damaged", 0644);
    EXPECT_EQ(verdict_on_x86_64().reason.substr(0, 4), first);
    EXPECT_NE(read_file(cache_), "{damaged");
}

TEST_F(ChooseAccelerators, needs_no_cache) {
    EXPECT_EQ(choose_accelerators(directory_.path() / "no" / "file").all().size(),
              guest_architectures.size());
}

}  // namespace
}  // namespace kiln::hypervisor
