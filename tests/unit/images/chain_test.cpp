#include "images/layers/chain.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace kiln::images {

namespace {

/// In MiB, the top first.
std::size_t base_for(const std::vector<std::uint64_t>& sizes) {
    std::vector<Bytes> all;
    for (const std::uint64_t size : sizes)
        all.push_back(Bytes::mebibytes(size));
    return choose_base(all);
}

TEST(ChooseBase, leaves_a_chain_without_anything_to_merge_as_it_is) {
    EXPECT_EQ(base_for({1}), 1U);
    EXPECT_EQ(base_for({1, 500}), 1U);
    EXPECT_EQ(base_for({1, 2, 500}), 1U) << "each is larger than all above it";
}

TEST(ChooseBase, merges_what_is_no_larger_than_all_above_it_but_never_the_base_of_all) {
    EXPECT_EQ(base_for({2, 1, 500}), 2U);
    EXPECT_EQ(base_for({900, 800, 500}), 2U);
    EXPECT_EQ(base_for({1, 1, 2, 4, 9, 500}), 4U);
}

TEST(ChooseBase, leaves_no_more_than_a_short_chain) {
    const std::size_t base = base_for({1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096});
    EXPECT_EQ(13 - base + 1, short_chain_depth);
}

TEST(ChooseBase, copies_each_byte_few_times_over_many_captures) {
    std::vector<Bytes> chain{Bytes::mebibytes(0), Bytes::mebibytes(500)};
    std::uint64_t copied = 0;
    constexpr std::uint64_t captures = 4096;
    for (std::uint64_t i = 0; i < captures; ++i) {
        chain.front() = chain.front() + Bytes::mebibytes(1);
        chain.insert(chain.begin(), Bytes{0});
        ASSERT_LE(chain.size(), max_chain_depth);
        if (chain.size() <= long_chain_depth) continue;
        const std::size_t base = choose_base(chain);
        for (std::size_t merged = 1; merged < base; ++merged) {
            copied += chain[merged].in_mebibytes();
            chain.front() = chain.front() + chain[merged];
        }
        chain.erase(chain.begin() + 1, chain.begin() + static_cast<std::ptrdiff_t>(base));
    }
    EXPECT_LE(copied, captures * 12) << "of " << captures << " MiB";
}

}  // namespace

}  // namespace kiln::images
