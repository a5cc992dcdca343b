#include "base/random.hpp"

#include <gmock/gmock.h>

#include <set>

namespace kiln {

namespace {

TEST(Random, hexadecimal_digits_come_in_the_number_that_was_asked_for) {
    for (const std::size_t digits : {0U, 1U, 16U, 17U, 33U}) {
        const std::string text = random_hex(digits);
        EXPECT_EQ(text.size(), digits);
        EXPECT_EQ(text.find_first_not_of("0123456789abcdef"), std::string::npos) << text;
    }
}

TEST(Random, a_uuid_has_the_form_of_version_4) {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        const std::string uuid = random_uuid();
        EXPECT_THAT(uuid, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]"
                                                "[0-9a-f]{3}-[0-9a-f]{12}"));
        seen.insert(uuid);
    }
    EXPECT_EQ(seen.size(), 100U);
}

TEST(Random, a_uuid_of_a_time_begins_with_it) {
    const Time time = from_epoch_ms(0x0123456789ab);
    const std::string uuid = uuid_of_time(time);
    EXPECT_THAT(uuid, testing::MatchesRegex("01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                            "[0-9a-f]{12}"));
    EXPECT_NE(uuid_of_time(time), uuid);
    EXPECT_LT(uuid, uuid_of_time(time + std::chrono::milliseconds(1)));
}

}  // namespace

}  // namespace kiln
