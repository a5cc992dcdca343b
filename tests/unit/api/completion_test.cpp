#include "api/server/completion.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace kiln::api {
namespace {

TEST(CompletionTest, calls_what_waits_for_it_once_when_it_ends) {
    int calls = 0;
    const Completion completion;
    completion.then([&] { ++calls; });
    EXPECT_EQ(calls, 0);
    completion.end();
    completion.end();
    EXPECT_EQ(calls, 1);
}

TEST(CompletionTest, calls_at_once_when_it_has_ended) {
    int calls = 0;
    const Completion completion;
    completion.end();
    completion.then([&] { ++calls; });
    EXPECT_EQ(calls, 1);
}

TEST(CompletionTest, a_thread_waits_until_a_copy_ends) {
    bool is_set = false;
    const Completion completion;
    std::jthread other([&is_set, completion] {
        is_set = true;
        completion.end();
    });
    completion.wait();
    EXPECT_TRUE(is_set);
}

}  // namespace
}  // namespace kiln::api
