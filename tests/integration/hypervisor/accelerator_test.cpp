#include "hypervisor/accelerator/accelerator.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/file.hpp"
#include "hypervisor/accelerator/canary.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::hypervisor {
namespace {

constexpr std::chrono::seconds ample_time{60};

class ChooseAccelerator : public testing::Test {
  protected:
    tests::TemporaryDirectory directory_;
    const std::filesystem::path cache_ = directory_.path() / "accelerator.json";
};

TEST(Canary, enters_64_bit_mode_on_an_emulated_cpu) {
    const CanaryAnswer answer = run_canary(Accelerator::tcg, ample_time);
    EXPECT_TRUE(answer.alive) << answer.description;
}

TEST(Canary, that_takes_too_long_is_dead) {
    const CanaryAnswer answer = run_canary(Accelerator::tcg, std::chrono::milliseconds{1});
    EXPECT_FALSE(answer.alive);
    EXPECT_FALSE(answer.description.empty());
}

TEST(Canary, is_dead_where_qemu_is_missing) {
    const std::string path = ::getenv("PATH");
    ::setenv("PATH", "/nonexistent", 1);
    const CanaryAnswer answer = run_canary(Accelerator::tcg, ample_time);
    ::setenv("PATH", path.c_str(), 1);
    EXPECT_FALSE(answer.alive);
    EXPECT_NE(answer.description.find("qemu-system-x86_64"), std::string::npos)
        << answer.description;
}

TEST_F(ChooseAccelerator, chooses_kvm_only_where_a_canary_lives_under_it) {
    const AcceleratorVerdict verdict = choose_accelerator(cache_);
    // A canary that lives, but takes long to, lets nobody choose KVM.
    if (verdict.accelerator == Accelerator::kvm) {
        EXPECT_TRUE(run_canary(Accelerator::kvm, ample_time).alive);
    }
    EXPECT_EQ(verdict.reason.substr(0, 5),
              verdict.accelerator == Accelerator::kvm ? "KVM: " : "TCG: ");
}

TEST_F(ChooseAccelerator, believes_what_the_canary_says) {
    const bool has_device = std::filesystem::exists("/dev/kvm");
    const AcceleratorVerdict alive =
        choose_accelerator(cache_, [](Accelerator, std::chrono::milliseconds) {
            return CanaryAnswer{true, "the canary sang"};
        });
    EXPECT_EQ(alive.accelerator, has_device ? Accelerator::kvm : Accelerator::tcg);
    EXPECT_EQ(alive.reason, has_device ? "KVM: the canary sang" : "TCG: /dev/kvm does not exist");

    std::filesystem::remove(cache_);
    const AcceleratorVerdict dead =
        choose_accelerator(cache_, [](Accelerator, std::chrono::milliseconds) {
            return CanaryAnswer{false, "the canary fell silent"};
        });
    EXPECT_EQ(dead.accelerator, Accelerator::tcg);
    EXPECT_EQ(dead.reason, has_device ? "TCG: under KVM the canary fell silent"
                                      : "TCG: /dev/kvm does not exist");
}

TEST_F(ChooseAccelerator, uses_the_verdict_that_it_gave_before) {
    choose_accelerator(cache_);
    std::string cached = read_file(cache_);
    const std::string reason = R"("reason": ")";
    cached.insert(cached.find(reason) + reason.size(), "remembered ");
    write_file_atomically(cache_, cached, 0644);
    EXPECT_EQ(choose_accelerator(cache_).reason.substr(0, 11), "remembered ");
}

TEST_F(ChooseAccelerator, asks_again_when_the_cache_is_damaged) {
    const std::string first = choose_accelerator(cache_).reason.substr(0, 4);
    write_file_atomically(cache_, "{damaged", 0644);
    EXPECT_EQ(choose_accelerator(cache_).reason.substr(0, 4), first);
    EXPECT_NE(read_file(cache_), "{damaged");
}

TEST_F(ChooseAccelerator, needs_no_cache) {
    const AcceleratorVerdict verdict = choose_accelerator(directory_.path() / "no" / "file");
    EXPECT_FALSE(verdict.reason.empty());
}

}  // namespace
}  // namespace kiln::hypervisor
