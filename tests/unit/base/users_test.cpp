#include "base/users.hpp"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(UserId, is_a_number_that_means_somebody) {
    EXPECT_EQ(parse_user_id("0"), uid_t{0});
    EXPECT_EQ(parse_user_id("4294967294"), uid_t{4294967294});
    for (const char* text : {"", "-1", "4294967295", "4294967296", "1x", " 1", "root"})
        EXPECT_EQ(parse_user_id(text), std::nullopt) << text;
}

TEST(UsersOfTheHost, are_known_with_their_groups) {
    EXPECT_EQ(primary_group_of(0), gid_t{0});
    EXPECT_EQ(primary_group_of(2130706432), std::nullopt);
    EXPECT_EQ(name_of_user(0), "root");
    EXPECT_EQ(name_of_user(2130706432), std::nullopt);
    EXPECT_EQ(find_group("root"), gid_t{0});
    EXPECT_EQ(find_group("no-such-group"), std::nullopt);
}

TEST(UserRange, holds_both_its_ends) {
    const auto range = parse_user_range("70000-79999");
    ASSERT_EQ(range, (UserRange{.first = 70000, .last = 79999}));
    EXPECT_FALSE(contains(*range, 69999));
    EXPECT_TRUE(contains(*range, 70000));
    EXPECT_TRUE(contains(*range, 79999));
    EXPECT_FALSE(contains(*range, 80000));
    EXPECT_EQ(parse_user_range("5-5"), (UserRange{.first = 5, .last = 5}));
    for (const char* text : {"", "5", "6-5", "5-", "-5", "5-6-7", "a-b", "0-4294967295"})
        EXPECT_EQ(parse_user_range(text), std::nullopt) << text;
}

}  // namespace
}  // namespace kiln
