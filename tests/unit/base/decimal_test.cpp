#include "base/decimal.hpp"

#include <gtest/gtest.h>

namespace kiln {

namespace {

Decimal decimal(std::string_view text) {
    return Decimal::parse(text).value();
}

TEST(Decimal, is_printed_as_short_as_it_can_be_said) {
    const std::pair<const char*, const char*> table[]{
        {"0", "0"},
        {"0.0", "0"},
        {"12", "12"},
        {"012.50", "12.5"},
        {"0.0104", "0.0104"},
        {"100", "100"},
        {"0.0000000001", "0.0000000001"},
        {"999999999.9999999999", "999999999.9999999999"},
    };
    for (const auto& [text, printed] : table)
        EXPECT_EQ(decimal(text).str(), printed) << text;
}

TEST(Decimal, no_other_text_is_read) {
    for (const char* text : {"", ".", "1.", ".5", "-1", "+1", "1,5", "1.2.3", "1e3", " 1", "1 ",
                             "0x1", "inf", "1000000000", "0.00000000001"}) {
        EXPECT_EQ(Decimal::parse(text), std::nullopt) << text;
    }
}

TEST(Decimal, a_ratio_is_rounded_to_the_nearest_ten_billionth) {
    EXPECT_EQ(Decimal::ratio(60, 3600).str(), "0.0166666667");
    EXPECT_EQ(Decimal::ratio(1, 3).str(), "0.3333333333");
    EXPECT_EQ(Decimal::ratio(0, 7).str(), "0");
    EXPECT_EQ(Decimal::ratio(7, 7).str(), "1");
    const WideNumber sixteen_tebibytes = WideNumber{16} << 40;
    EXPECT_EQ(
        Decimal::ratio(sixteen_tebibytes * 2'678'400, (WideNumber{1} << 30) * 2'678'400).str(),
        "16384");
}

TEST(Decimal, sums_and_products_are_exact_to_the_ten_billionth) {
    EXPECT_EQ((decimal("0.1") + decimal("0.2")).str(), "0.3");
    EXPECT_EQ((decimal("0.0104") * decimal("744")).str(), "7.7376");
    EXPECT_EQ((decimal("0.00001") * decimal("0.00001")).str(), "0.0000000001");
    EXPECT_EQ((decimal("0.00001") * decimal("0.000004")).str(), "0");
    EXPECT_EQ((decimal("999999999") * decimal("999999999")).str(), "999999998000000001");
    EXPECT_LT(decimal("9.99"), decimal("10"));
}

}  // namespace

}  // namespace kiln
