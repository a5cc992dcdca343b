#include "base/keyed_executor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <thread>

namespace kiln {

namespace {

TEST(KeyedExecutor, jobs_of_one_key_run_one_after_the_other_in_their_order) {
    KeyedExecutor executor(4);
    std::vector<int> order;  // no lock: the executor is the lock
    for (int i = 0; i < 200; ++i)
        executor.add("i-1", [&order, i] { order.push_back(i); });

    executor.wait_until_idle();

    std::vector<int> expected(200);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(order, expected);
}

TEST(KeyedExecutor, jobs_of_different_keys_run_side_by_side) {
    KeyedExecutor executor(2);
    std::latch both_run(2);
    // Each waits for the other: one after the other they would never end.
    executor.add("i-1", [&] { both_run.arrive_and_wait(); });
    executor.add("i-2", [&] { both_run.arrive_and_wait(); });

    executor.wait_until_idle();

    EXPECT_TRUE(both_run.try_wait());
}

TEST(KeyedExecutor, a_busy_key_does_not_hold_up_another) {
    KeyedExecutor executor(2);
    std::promise<void> release;
    executor.add("busy", [&] { release.get_future().wait(); });
    executor.add("busy", [] {});
    executor.add("busy", [] {});
    std::promise<void> ran;
    executor.add("other", [&] { ran.set_value(); });

    ran.get_future().wait();  // hangs when the busy key's jobs take both threads
    release.set_value();
    executor.wait_until_idle();
}

TEST(KeyedExecutor, a_job_of_two_keys_waits_for_both_and_holds_up_both) {
    KeyedExecutor executor(4);
    std::promise<void> release;
    std::vector<int> order;  // no lock: each job has one of the keys of the one before
    executor.add("i-1", [&] {
        release.get_future().wait();
        order.push_back(1);
    });
    executor.add_for_all({"vol-1", "i-1"}, [&] { order.push_back(2); });
    executor.add_for_all({"vol-1", "vol-1"}, [&] { order.push_back(3); });
    EXPECT_TRUE(executor.is_busy("vol-1"));
    release.set_value();

    executor.wait_until_idle();

    EXPECT_EQ(order, (std::vector{1, 2, 3}));
    EXPECT_FALSE(executor.is_busy("vol-1"));
}

TEST(KeyedExecutor, a_job_learns_that_others_wait_for_it) {
    KeyedExecutor executor(2);
    std::promise<void> release;
    executor.add_for_all({"vol-1", "i-1"}, [&] { release.get_future().wait(); });
    EXPECT_FALSE(executor.is_awaited({"vol-1", "i-1"}));
    executor.add("i-1", [] {});
    EXPECT_TRUE(executor.is_awaited({"vol-1", "i-1"}));
    EXPECT_FALSE(executor.is_awaited({"vol-1"}));
    release.set_value();
    executor.wait_until_idle();
    EXPECT_FALSE(executor.is_awaited({"vol-1", "i-1"}));
}

TEST(KeyedExecutor, jobs_that_share_keys_crosswise_do_not_wait_for_each_other_for_ever) {
    KeyedExecutor executor(4);
    int count = 0;  // no lock: all share a key with all
    for (int i = 0; i < 500; ++i) {
        executor.add_for_all({"a", "b"}, [&] { ++count; });
        executor.add_for_all({"b", "a", "c"}, [&] { ++count; });
        executor.add_for_all({"c", "b"}, [&] { ++count; });
    }
    executor.wait_until_idle();
    EXPECT_EQ(count, 1500);
}

TEST(KeyedExecutor, a_job_that_throws_does_not_stop_the_next) {
    KeyedExecutor executor(1);
    bool ran = false;
    executor.add("i-1", [] { throw std::runtime_error("this job fails, as the test wants"); });
    executor.add("i-1", [&] { ran = true; });

    executor.wait_until_idle();

    EXPECT_TRUE(ran);
}

TEST(KeyedExecutor, a_job_may_add_jobs) {
    KeyedExecutor executor(1);
    std::vector<std::string> order;
    executor.add("i-1", [&] {
        executor.add("i-1", [&] { order.emplace_back("second"); });
        executor.add("i-2", [&] { order.emplace_back("other"); });
        order.emplace_back("first");
    });

    executor.wait_until_idle();

    ASSERT_EQ(order.size(), 3U);
    EXPECT_EQ(order[0], "first");
}

TEST(KeyedExecutor, the_end_waits_for_the_job_that_runs) {
    std::promise<void> started;
    std::promise<void> release;
    std::atomic<bool> finished = false;
    std::thread releaser;
    {
        KeyedExecutor executor(1);
        executor.add("i-1", [&] {
            started.set_value();
            release.get_future().wait();
            finished = true;
        });
        started.get_future().wait();
        releaser = std::thread([&] { release.set_value(); });
    }
    EXPECT_TRUE(finished);
    releaser.join();
}

/// Whether the executor still takes jobs: one that is refused is destroyed at once.
bool takes_jobs(KeyedExecutor& executor) {
    auto token = std::make_shared<int>();
    const std::weak_ptr<int> watched = token;
    executor.add("probe", [held = std::move(token)] {});
    return !watched.expired();
}

TEST(KeyedExecutor, a_stop_drops_the_jobs_that_wait) {
    KeyedExecutor executor(1);
    std::promise<void> started;
    std::promise<void> release;
    std::atomic<bool> waiting_ran = false;
    executor.add("i-1", [&] {
        started.set_value();
        release.get_future().wait();
    });
    executor.add("i-1", [&] { waiting_ran = true; });
    executor.add("i-2", [&] { waiting_ran = true; });
    started.get_future().wait();
    std::thread stopper([&] { executor.stop(); });
    while (takes_jobs(executor))
        std::this_thread::yield();
    release.set_value();
    stopper.join();

    EXPECT_FALSE(waiting_ran);
    executor.wait_until_idle();  // hangs when dropped jobs count as waiting
}

TEST(KeyedExecutor, nothing_is_taken_after_a_stop) {
    KeyedExecutor executor(2);
    bool ran = false;
    executor.stop();

    executor.add("i-1", [&] { ran = true; });
    executor.wait_until_idle();
    executor.stop();

    EXPECT_FALSE(ran);
}

TEST(KeyedExecutor, an_idle_executor_is_idle_at_once) {
    KeyedExecutor executor(2);
    executor.wait_until_idle();
    executor.add("i-1", [] {});
    executor.wait_until_idle();
    executor.wait_until_idle();
}

}  // namespace

}  // namespace kiln
