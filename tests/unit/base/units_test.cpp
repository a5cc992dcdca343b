#include "base/units.hpp"

#include <gtest/gtest.h>

namespace kiln {

namespace {

TEST(Units, volumes_count_in_whole_gibibytes_rounded_up) {
    EXPECT_EQ(Bytes{0}.in_gibibytes(), 0U);
    EXPECT_EQ(Bytes{1}.in_gibibytes(), 1U);
    EXPECT_EQ(Bytes::gibibytes(1).in_gibibytes(), 1U);
    EXPECT_EQ((Bytes::gibibytes(1) + Bytes{1}).in_gibibytes(), 2U);
    EXPECT_EQ(Bytes::gibibytes(16384).in_gibibytes(), 16384U);
}

TEST(Units, memory_counts_in_mebibytes) {
    EXPECT_EQ(Bytes::mebibytes(512).value, 536'870'912U);
    EXPECT_EQ(Bytes::mebibytes(512).in_mebibytes(), 512U);
    EXPECT_EQ(Bytes::gibibytes(2), Bytes::mebibytes(2048));
}

TEST(Units, sizes_compare_and_add) {
    EXPECT_LT(Bytes::mebibytes(1023), Bytes::gibibytes(1));
    EXPECT_EQ(Bytes{1} + Bytes{2}, Bytes{3});
}

}  // namespace

}  // namespace kiln
