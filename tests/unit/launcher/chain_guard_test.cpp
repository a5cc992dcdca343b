#include "launcher/regions/chain_guard.hpp"

#include <gmock/gmock.h>

#include <future>

namespace kiln::launcher {

namespace {

using std::chrono::milliseconds;

TEST(ChainGuardTest, many_read_at_once_and_nobody_is_alone_meanwhile) {
    ChainGuard guard;
    auto first = guard.read();
    auto second = guard.read();

    EXPECT_FALSE(guard.try_exclude(milliseconds(0)));
    first.reset();
    EXPECT_FALSE(guard.try_exclude(milliseconds(1)));
    second.reset();
    EXPECT_TRUE(guard.try_exclude(milliseconds(0)));
}

TEST(ChainGuardTest, a_reader_waits_for_the_one_who_has_it_alone) {
    ChainGuard guard;
    auto alone = guard.try_exclude(milliseconds(0));
    ASSERT_TRUE(alone);
    EXPECT_FALSE(guard.try_exclude(milliseconds(0))) << "nobody else is";

    auto reader = std::async(std::launch::async, [&] { return guard.read() != nullptr; });
    EXPECT_EQ(reader.wait_for(milliseconds(1)), std::future_status::timeout);
    alone.reset();
    EXPECT_TRUE(reader.get());
}

TEST(ChainGuardTest, one_who_waits_to_be_alone_is_so_when_the_last_reader_has_gone) {
    ChainGuard guard;
    auto reading = guard.read();
    auto waiting = std::async(
        std::launch::async, [&] { return guard.try_exclude(std::chrono::minutes(1)) != nullptr; });

    auto again = guard.read();
    EXPECT_TRUE(again) << "who waits keeps nobody from reading";
    reading.reset();
    EXPECT_EQ(waiting.wait_for(milliseconds(1)), std::future_status::timeout);
    again.reset();
    EXPECT_TRUE(waiting.get());
}

}  // namespace

}  // namespace kiln::launcher
