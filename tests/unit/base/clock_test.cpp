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

TEST(Clock, milliseconds_since_1970_lead_back_to_the_time) {
    EXPECT_EQ(to_epoch_ms(from_epoch_ms(1'632'913'483'305)), 1'632'913'483'305);
}

TEST(Clock, the_system_s_clock_does_not_stand_in_1970) {
    EXPECT_GT(SystemClock().now(), from_epoch_ms(1'600'000'000'000));
}

}  // namespace

}  // namespace kiln
