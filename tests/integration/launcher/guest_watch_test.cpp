#include "launcher/instances/guest_watch.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/keyed_executor.hpp"
#include "launcher/instances/guest_users.hpp"
#include "launcher/instances/instance_files.hpp"
#include "launcher/instances/pause.hpp"
#include "launcher/instances/status_board.hpp"
#include "launcher/network/networks.hpp"
#include "launcher/paravirtual/appliance_guests.hpp"
#include "launcher/platforms/guest_profiles.hpp"
#include "launcher/types/instance_type.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using launcher::Reachability;
using std::chrono::milliseconds;

/// A paravirtual guest that runs in its appliance, and is up.
class GuestWatchTest : public LauncherFixture {
  protected:
    GuestWatchTest() : id_(insert_guest()) {
        host().start_domain({.name = id_.str()});
        host().run_in_guest(id_.str(), {.arguments = {"kiln-pv", "start"}});
        status_.started(id_);
    }
    ~GuestWatchTest() override { executor_.stop(); }

    InstanceId insert_guest() {
        images::Instance guest = instance(golden());
        guest.virtualization_type = images::VirtualizationType::paravirtual;
        write([&](Session& session) { images::insert_instance(session, guest); });
        return guest.id;
    }
    launcher::GuestWatch watch(milliseconds time_to_reboot, milliseconds time_to_tell) {
        return launcher::GuestWatch({.database = database(),
                                     .regions = regions(),
                                     .appliances = appliances_,
                                     .status = status_,
                                     .executor = executor_,
                                     .time_to_reboot = time_to_reboot,
                                     .time_to_tell = time_to_tell});
    }
    Reachability look(launcher::GuestWatch& watch) {
        watch.add_agent_check(id_);
        executor_.wait_until_idle();
        return status_.reachability(id_);
    }
    std::ptrdiff_t reboot_orders() {
        return std::ranges::count_if(host().programs(), [](const auto& program) {
            return program.arguments.back() == "reboot";
        });
    }
    bool is_reset(launcher::GuestWatch& watch) {
        watch.reset_overdue_reboots();
        executor_.wait_until_idle();
        return std::ranges::count(host().calls(), "reset " + id_.str()) > 0;
    }

    static constexpr milliseconds at_once{0};
    static constexpr milliseconds long_time{3'600'000};
    InstanceId id_;

  private:
    SystemClock clock_;
    launcher::Pause pause_;
    launcher::InstanceTypes types_;
    launcher::GuestProfiles profiles_{settings()};
    launcher::InstanceFiles files_{directory() / "instances"};
    launcher::GuestUsers users_{database(), settings(), regions(), false};
    launcher::Networks networks_{
        {.database = database(), .clock = clock_, .settings = settings(), .regions = regions()}};
    hypervisor::Accelerators accelerators_ = emulating_all();
    launcher::DomainPlanner planner_{.database = database(),
                                     .settings = settings(),
                                     .regions = regions(),
                                     .networks = networks_,
                                     .files = files_,
                                     .users = users_,
                                     .types = types_,
                                     .profiles = profiles_,
                                     .catalog_id = "catalog",
                                     .accelerators = accelerators_};
    launcher::SavedAppliances saved_{{.database = database(),
                                      .users = users_,
                                      .pause = pause_,
                                      .directory = directory() / "appliances",
                                      .free_space_reserve = Bytes::mebibytes(1)}};
    launcher::ApplianceGuests appliances_{{.database = database(),
                                           .clock = clock_,
                                           .regions = regions(),
                                           .planner = planner_,
                                           .users = users_,
                                           .saved = saved_}};

  protected:
    launcher::StatusBoard status_{clock_};
    KeyedExecutor executor_{2};
};

TEST_F(GuestWatchTest, a_guest_that_reboots_is_reachable_when_xen_runs_another) {
    launcher::GuestWatch watch = this->watch(long_time, long_time);
    EXPECT_EQ(look(watch), Reachability::ok);
    watch.reboot(id_);
    EXPECT_EQ(look(watch), Reachability::initializing) << "the old one goes down";
    host().appliance_guest_reboots(id_.str());
    EXPECT_EQ(look(watch), Reachability::ok);
}

TEST_F(GuestWatchTest, a_guest_whose_appliance_is_silent_is_told_to_reboot_later) {
    launcher::GuestWatch watch = this->watch(long_time, long_time);
    host().fail_next("run_in_guest", Error("InternalError", "", "no answer"));
    watch.reboot(id_);
    EXPECT_EQ(reboot_orders(), 0);
    EXPECT_EQ(look(watch), Reachability::initializing) << "the old guest is no proof";
    EXPECT_EQ(reboot_orders(), 1);
    EXPECT_EQ(look(watch), Reachability::initializing);
    EXPECT_EQ(reboot_orders(), 1);
    host().appliance_guest_reboots(id_.str());
    EXPECT_EQ(look(watch), Reachability::ok);
    EXPECT_THAT(host().calls(), testing::Not(testing::Contains("request_reboot " + id_.str())))
        << "libvirt would turn its next power-off into a reboot";
}

TEST_F(GuestWatchTest, a_guest_that_does_not_heed_orders_yet_is_told_again) {
    launcher::GuestWatch watch = this->watch(long_time, long_time);
    host().make_appliance_guests_deaf(true);
    watch.reboot(id_);
    look(watch);
    EXPECT_EQ(reboot_orders(), 2);
    host().make_appliance_guests_deaf(false);
    look(watch);
    host().appliance_guest_reboots(id_.str());
    EXPECT_EQ(look(watch), Reachability::ok);
    EXPECT_EQ(reboot_orders(), 3);
}

TEST_F(GuestWatchTest, one_that_does_not_reboot_in_time_is_reset) {
    launcher::GuestWatch watch = this->watch(at_once, long_time);
    watch.reboot(id_);
    EXPECT_TRUE(is_reset(watch));
}

TEST_F(GuestWatchTest, one_whose_time_is_not_up_or_that_has_rebooted_is_not_reset) {
    launcher::GuestWatch patient = watch(long_time, long_time);
    patient.reboot(id_);
    EXPECT_FALSE(is_reset(patient));
    launcher::GuestWatch watch = this->watch(at_once, long_time);
    watch.reboot(id_);
    host().appliance_guest_reboots(id_.str());
    EXPECT_FALSE(is_reset(watch));
}

TEST_F(GuestWatchTest, a_silent_appliance_is_asked_again_before_the_guest_is_reset) {
    const Error silent("InternalError", "", "no answer");
    launcher::GuestWatch patient = watch(at_once, long_time);
    patient.reboot(id_);
    host().fail_next("run_in_guest", silent);
    EXPECT_FALSE(is_reset(patient));
    EXPECT_TRUE(is_reset(patient)) << "it answers that the guest is the old one";
}

TEST_F(GuestWatchTest, a_guest_whose_appliance_is_silent_for_good_is_reset) {
    launcher::GuestWatch watch = this->watch(at_once, at_once);
    watch.reboot(id_);
    host().fail_next("run_in_guest", Error("InternalError", "", "no answer"));
    EXPECT_TRUE(is_reset(watch));
}

TEST_F(GuestWatchTest, a_reset_waits_for_libvirt) {
    launcher::GuestWatch watch = this->watch(at_once, long_time);
    watch.reboot(id_);
    host().fail_next("reset", Error("Unavailable", "", "libvirtd is being restarted"));
    is_reset(watch);
    is_reset(watch);
    EXPECT_EQ(std::ranges::count(host().calls(), "reset " + id_.str()), 2);
    is_reset(watch);
    EXPECT_EQ(std::ranges::count(host().calls(), "reset " + id_.str()), 2) << "it was done";
}

TEST_F(GuestWatchTest, only_an_appliance_that_answers_tells_whether_it_runs_a_guest) {
    launcher::GuestWatch watch = this->watch(long_time, long_time);
    EXPECT_EQ(watch.has_guest(instance_now(id_)), true);
    host().fail_next("run_in_guest", Error("InternalError", "", "no answer"));
    EXPECT_EQ(watch.has_guest(instance_now(id_)), std::nullopt);
    host().guest_vanishes(id_.str());
    EXPECT_EQ(watch.has_guest(instance_now(id_)), false);
}

}  // namespace

}  // namespace kiln::tests
