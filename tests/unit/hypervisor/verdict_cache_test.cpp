#include "hypervisor/accelerator/verdict_cache.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::hypervisor {
namespace {

HostIdentity host() {
    return {.boot_id = "b",
            .kernel = "k",
            .machine = "x86_64",
            .kvm_device = "usable",
            .qemu = {"q", "q", ""}};
}

std::vector<AcceleratorVerdict> verdicts(const std::string& reason = "TCG") {
    return {{GuestArchitecture::i386, Accelerator::tcg, reason},
            {GuestArchitecture::x86_64, Accelerator::kvm, "KVM: it \"works\"\n"},
            {GuestArchitecture::aarch64, std::nullopt, "qemu-system-aarch64 is not installed"}};
}

class VerdictCache : public testing::Test {
  protected:
    tests::TemporaryDirectory directory_;
    const std::filesystem::path file_ = directory_.path() / "verdict.json";
};

TEST_F(VerdictCache, remembers_the_verdicts) {
    store_verdicts(file_, host(), verdicts());
    EXPECT_EQ(load_verdicts(file_, host()), verdicts());
}

TEST_F(VerdictCache, forgets_them_when_anything_about_the_host_changes) {
    const std::vector<std::function<void(HostIdentity&)>> changes{
        [](HostIdentity& changed) { changed.boot_id = "other"; },
        [](HostIdentity& changed) { changed.kernel = "other"; },
        [](HostIdentity& changed) { changed.machine = "other"; },
        [](HostIdentity& changed) { changed.kvm_device = "other"; },
        [](HostIdentity& changed) { changed.qemu.back() = "other"; },
    };
    store_verdicts(file_, host(), verdicts());
    for (const auto& change : changes) {
        HostIdentity changed = host();
        change(changed);
        EXPECT_FALSE(load_verdicts(file_, changed));
    }
    EXPECT_TRUE(load_verdicts(file_, host()));
}

TEST_F(VerdictCache, takes_a_damaged_file_for_none) {
    EXPECT_FALSE(load_verdicts(file_, host()));
    store_verdicts(file_, host(), verdicts());
    const std::string whole = read_file(file_);
    const auto with = [&](const std::string& old, const std::string& word) {
        std::string changed = whole;
        return changed.replace(changed.find(old), old.size(), word);
    };
    for (const std::string& content :
         {std::string(), std::string("{"), std::string("[]"), std::string("{\"boot_id\": 3}"),
          with("\"tcg\"", "\"xen\""), with("\"i686\"", "\"m68k\"")}) {
        write_file_atomically(file_, content, 0644);
        EXPECT_FALSE(load_verdicts(file_, host())) << content;
    }
}

TEST_F(VerdictCache, stores_words_that_are_not_utf_8) {
    store_verdicts(file_, host(), verdicts("QEMU said \xff"));
    EXPECT_TRUE(load_verdicts(file_, host()));
}

TEST_F(VerdictCache, says_when_it_cannot_be_written) {
    EXPECT_THROW(store_verdicts(directory_.path() / "no" / "file", host(), {}), Error);
}

}  // namespace
}  // namespace kiln::hypervisor
