#include "base/rollback.hpp"

#include <gmock/gmock.h>

#include <stdexcept>
#include <string>

namespace kiln {

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Rollback, undo_steps_run_in_reverse_order) {
    std::vector<std::string> undone;
    {
        Rollback rollback;
        rollback.add([&] { undone.emplace_back("first"); });
        rollback.add([&] { undone.emplace_back("second"); });
    }
    EXPECT_THAT(undone, ElementsAre("second", "first"));
}

TEST(Rollback, nothing_is_undone_after_a_commit) {
    std::vector<std::string> undone;
    {
        Rollback rollback;
        rollback.add([&] { undone.emplace_back("first"); });
        rollback.commit();
    }
    EXPECT_THAT(undone, IsEmpty());
}

TEST(Rollback, steps_added_after_a_commit_are_undone) {
    std::vector<std::string> undone;
    {
        Rollback rollback;
        rollback.add([&] { undone.emplace_back("first"); });
        rollback.commit();
        rollback.add([&] { undone.emplace_back("second"); });
    }
    EXPECT_THAT(undone, ElementsAre("second"));
}

TEST(Rollback, an_undo_that_throws_does_not_keep_the_others_from_running) {
    std::vector<std::string> undone;
    {
        Rollback rollback;
        rollback.add([&] { undone.emplace_back("first"); });
        rollback.add([] { throw std::runtime_error("this undo fails, as the test wants"); });
    }
    EXPECT_THAT(undone, ElementsAre("first"));
}

TEST(Rollback, an_exception_in_the_change_undoes_it) {
    std::vector<std::string> undone;
    try {
        Rollback rollback;
        rollback.add([&] { undone.emplace_back("first"); });
        throw std::runtime_error("the change fails");
    } catch (const std::runtime_error&) {
    }
    EXPECT_THAT(undone, ElementsAre("first"));
}

}  // namespace

}  // namespace kiln
