#include "launcher/instances/status_board.hpp"

#include <gtest/gtest.h>

namespace kiln::tests {

namespace {

using launcher::Reachability;

class ManualClock final : public Clock {
  public:
    Time now() const override { return now_; }
    void advance(std::chrono::milliseconds time) { now_ += time; }

  private:
    Time now_ = from_epoch_ms(1'700'000'000'000);
};

class StatusBoardTest : public ::testing::Test {
  protected:
    ManualClock clock_;
    launcher::StatusBoard board_{clock_};
    InstanceId id_ = InstanceId::generate();
};

TEST_F(StatusBoardTest, an_instance_initializes_until_its_agent_answers) {
    board_.started(id_);
    EXPECT_EQ(board_.reachability(id_), Reachability::initializing);
    board_.agent_answered(id_);
    EXPECT_EQ(board_.reachability(id_), Reachability::ok);
    board_.started(id_);
    EXPECT_EQ(board_.reachability(id_), Reachability::initializing) << "it was booted anew";
}

TEST_F(StatusBoardTest, an_agent_that_is_lost_is_waited_for_again) {
    board_.started(id_);
    board_.agent_answered(id_);
    clock_.advance(std::chrono::hours(1));
    board_.agent_lost(id_);
    EXPECT_EQ(board_.reachability(id_), Reachability::initializing);
    clock_.advance(std::chrono::minutes(11));
    EXPECT_EQ(board_.reachability(id_), Reachability::impaired);
}

TEST_F(StatusBoardTest, an_agent_that_never_answers_makes_the_instance_impaired) {
    board_.started(id_);
    clock_.advance(std::chrono::minutes(11));
    EXPECT_EQ(board_.reachability(id_), Reachability::impaired);
}

TEST_F(StatusBoardTest, an_io_error_impairs_until_the_guest_goes_on) {
    board_.started(id_);
    board_.agent_answered(id_);
    board_.io_failed(id_);
    EXPECT_EQ(board_.reachability(id_), Reachability::impaired);
    EXPECT_TRUE(board_.is_paused_by_io_error(id_));
    board_.resumed(id_);
    EXPECT_EQ(board_.reachability(id_), Reachability::ok);
}

TEST_F(StatusBoardTest, what_is_said_of_an_instance_that_is_gone_is_forgotten) {
    board_.started(id_);
    board_.gone(id_);
    board_.agent_answered(id_);
    EXPECT_EQ(board_.reachability(id_), Reachability::initializing);
}

}  // namespace

}  // namespace kiln::tests
