#include "base/clock.hpp"

#include <gtest/gtest.h>

namespace kiln {

namespace {

TEST(Clock, times_are_printed_as_ec2_prints_them) {
    EXPECT_EQ(format_time(from_epoch_ms(0)), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(format_time(from_epoch_ms(1'632'913'483'305)), "2021-09-29T11:04:43.305Z");
    EXPECT_EQ(format_time(from_epoch_ms(1'632'913'483'005)), "2021-09-29T11:04:43.005Z");
    EXPECT_EQ(format_time(from_epoch_ms(4'102'444'799'999)), "2099-12-31T23:59:59.999Z");
    EXPECT_EQ(format_time(from_epoch_ms(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(Clock, a_day_is_printed_and_read_as_its_first_moment) {
    EXPECT_EQ(format_date(from_epoch_ms(1'632'913'483'305)), "2021-09-29");
    EXPECT_EQ(parse_time("2021-09-29"), from_epoch_ms(1'632'873'600'000));
    EXPECT_EQ(parse_time("2024-02-29"), from_epoch_ms(1'709'164'800'000));
}

TEST(Clock, times_that_were_printed_are_read_with_or_without_milliseconds) {
    EXPECT_EQ(parse_time("2021-09-29T11:04:43.305Z"), from_epoch_ms(1'632'913'483'305));
    EXPECT_EQ(parse_time("2021-09-29T11:04:43Z"), from_epoch_ms(1'632'913'483'000));
    EXPECT_EQ(parse_time("1970-01-01T00:00:00Z"), from_epoch_ms(0));
}

TEST(Clock, what_is_no_time_is_not_read) {
    for (const char* text : {"",
                             "today",
                             "2021",
                             "2021-09",
                             "2021-9-29",
                             "29.09.2021",
                             "2021-02-29",
                             "2021-13-01",
                             "2021-00-10",
                             "2021-09-31",
                             " 2021-09-29",
                             "2021-09-29 ",
                             "2021-09-29T11",
                             "2021-09-29Z",
                             "2021-09-29T11:04:43",
                             "2021-09-29 11:04:43Z",
                             "2021-09-29T24:00:00Z",
                             "2021-09-29T11:60:00Z",
                             "2021-09-29T11:04:60Z",
                             "2021-09-29T11:04:43.3Z",
                             "2021-09-29T11:04:43+01:00",
                             "-021-09-29"}) {
        EXPECT_EQ(parse_time(text), std::nullopt) << text;
    }
}

TEST(Clock, milliseconds_since_1970_lead_back_to_the_time) {
    EXPECT_EQ(to_epoch_ms(from_epoch_ms(1'632'913'483'305)), 1'632'913'483'305);
}

TEST(Clock, the_system_s_clock_does_not_stand_in_1970) {
    EXPECT_GT(SystemClock().now(), from_epoch_ms(1'600'000'000'000));
}

}  // namespace

}  // namespace kiln
