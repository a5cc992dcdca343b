#include <gtest/gtest.h>

#include "images/accounts/account.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using images::InstanceState;

class ClosedAccountsTest : public LauncherFixture {
  protected:
    ClosedAccountsTest() {
        make_account_of_stranger();
        make_public(golden());
    }
    void close() {
        write([&](Session& session) {
            images::close_account(session, stranger().owner, SystemClock().now());
        });
        launcher().stop_instances_of_closed_accounts();
    }
    InstanceId run_one_of_strangers() {
        const auto reservation = launcher().run_instances(
            {.account = stranger().owner, .region = caller().region}, request());
        return reservation.instances.at(0).id;
    }
};

TEST_F(ClosedAccountsTest, instances_are_stopped_and_those_of_others_go_on) {
    const InstanceId mine = run_one();
    const InstanceId id = run_one_of_strangers();
    settle();
    close();
    settle();
    EXPECT_EQ(state(id), InstanceState::stopped);
    EXPECT_EQ(state(mine), InstanceState::running);
}

TEST_F(ClosedAccountsTest, one_that_was_just_starting_is_stopped_when_it_runs) {
    host().before_next("start_domain", [this] { close(); });
    const InstanceId id = run_one_of_strangers();
    settle();
    EXPECT_EQ(state(id), InstanceState::running);
    launcher().stop_instances_of_closed_accounts();  // as housekeeping does again and again
    settle();
    EXPECT_EQ(state(id), InstanceState::stopped);
}

}  // namespace

}  // namespace kiln::tests
