#include "hypervisor/accelerator/verdict_cache.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::hypervisor {
namespace {

HostIdentity host() {
    return {.boot_id = "b", .kernel = "k", .qemu = "q", .kvm_device = "usable"};
}

class VerdictCache : public testing::Test {
  protected:
    tests::TemporaryDirectory directory_;
    const std::filesystem::path file_ = directory_.path() / "verdict.json";
};

TEST_F(VerdictCache, remembers_a_verdict) {
    store_verdict(file_, host(), {Accelerator::kvm, "KVM: it \"works\"\n"});
    const auto verdict = load_verdict(file_, host());
    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->accelerator, Accelerator::kvm);
    EXPECT_EQ(verdict->reason, "KVM: it \"works\"\n");
}

TEST_F(VerdictCache, forgets_it_when_anything_about_the_host_changes) {
    const std::vector<std::function<void(HostIdentity&)>> changes{
        [](HostIdentity& changed) { changed.boot_id = "other"; },
        [](HostIdentity& changed) { changed.kernel = "other"; },
        [](HostIdentity& changed) { changed.qemu = "other"; },
        [](HostIdentity& changed) { changed.kvm_device = "other"; },
    };
    store_verdict(file_, host(), {Accelerator::tcg, "TCG"});
    for (const auto& change : changes) {
        HostIdentity changed = host();
        change(changed);
        EXPECT_FALSE(load_verdict(file_, changed));
    }
    EXPECT_TRUE(load_verdict(file_, host()));
}

TEST_F(VerdictCache, takes_a_damaged_file_for_none) {
    EXPECT_FALSE(load_verdict(file_, host()));
    store_verdict(file_, host(), {Accelerator::tcg, "TCG"});
    std::string strange = read_file(file_);
    strange.replace(strange.find("\"tcg\""), 5, "\"xen\"");
    for (const std::string& content : {std::string(), std::string("{"), std::string("[]"),
                                       std::string("{\"boot_id\": 3}"), strange}) {
        write_file_atomically(file_, content, 0644);
        EXPECT_FALSE(load_verdict(file_, host())) << content;
    }
}

TEST_F(VerdictCache, stores_words_that_are_not_utf_8) {
    store_verdict(file_, host(), {Accelerator::tcg, "QEMU said \xff"});
    EXPECT_TRUE(load_verdict(file_, host()));
}

TEST_F(VerdictCache, says_when_it_cannot_be_written) {
    EXPECT_THROW(store_verdict(directory_.path() / "no" / "file", host(), {}), Error);
}

}  // namespace
}  // namespace kiln::hypervisor
