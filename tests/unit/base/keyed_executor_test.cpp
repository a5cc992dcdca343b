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
