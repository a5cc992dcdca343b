#include <gmock/gmock.h>

#include "base/file.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using images::InstanceState;
using images::ShutdownBehavior;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class InstanceStateTest : public LauncherFixture {
  protected:
    std::string code_of(const std::function<void()>& work) { return error_code_of(work); }
};

TEST_F(InstanceStateTest, a_stopped_instance_keeps_its_volume_and_starts_from_it) {
    const InstanceId id = run_one();
    const auto layer = volumes(id).at(0).layer;
    const auto change = launcher().stop_instances(caller(), {id}, false).at(0);
    EXPECT_EQ(change.previous, InstanceState::running);
    EXPECT_EQ(change.current, InstanceState::stopping);
    settle();
    EXPECT_EQ(state(id), InstanceState::stopped);
    EXPECT_EQ(host().domain_count(), 0U);

    EXPECT_EQ(launcher().start_instances(caller(), {id}).at(0).current, InstanceState::pending);
    settle();
    EXPECT_EQ(state(id), InstanceState::running);
    EXPECT_EQ(volumes(id).at(0).layer, layer);
}

TEST_F(InstanceStateTest, a_guest_that_does_not_power_off_has_its_power_cut) {
    const InstanceId id = run_one();
    host().ignore_shutdown_requests();
    launcher().stop_instances(caller(), {id}, false);
    settle();
    EXPECT_EQ(state(id), InstanceState::stopped);
    EXPECT_THAT(host().calls(), Contains("destroy " + id.str()));
}

TEST_F(InstanceStateTest, a_forced_stop_does_not_ask_the_guest) {
    const InstanceId id = run_one();
    launcher().stop_instances(caller(), {id}, true);
    settle();
    EXPECT_THAT(host().calls(), Not(Contains("request_shutdown " + id.str())));
}

TEST_F(InstanceStateTest, termination_removes_the_root_volume_and_keeps_others) {
    auto wanted = request();
    wanted.block_devices = {{.device_name = "/dev/sdf", .volume_size = Bytes::gibibytes(1)}};
    const InstanceId id = run_one(wanted);
    const auto attached = volumes(id);
    launcher().terminate_instances(caller(), {id});
    settle();

    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_FALSE(pool().exists(attached.at(0).layer.value()));
    EXPECT_TRUE(pool().exists(attached.at(1).layer.value()));
    const auto left =
        read([&](Session& session) { return images::list_volumes(session, scope()); });
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(left[0].state, images::VolumeState::available);
    EXPECT_EQ(launcher().terminate_instances(caller(), {id}).at(0).current,
              InstanceState::terminated)
        << "terminating again is no error";
}

TEST_F(InstanceStateTest, refuses_changes_from_states_that_do_not_allow_them) {
    const InstanceId running = run_one();
    const InstanceId gone = run_one();
    launcher().terminate_instances(caller(), {gone});
    settle();
    EXPECT_EQ(code_of([&] { launcher().stop_instances(caller(), {gone}, false); }),
              "IncorrectInstanceState");
    EXPECT_EQ(code_of([&] { launcher().start_instances(caller(), {gone}); }),
              "IncorrectInstanceState");
    EXPECT_EQ(
        code_of([&] { launcher().stop_instances(caller(), {InstanceId::generate()}, false); }),
        "InvalidInstanceID.NotFound");
    EXPECT_EQ(code_of([&] {
                  launcher().modify_instance_attribute(
                      caller(), {.instance = running, .instance_type = "t3.small"});
              }),
              "IncorrectInstanceState");
}

TEST_F(InstanceStateTest, stopping_a_stopped_instance_changes_nothing) {
    const InstanceId id = run_one();
    launcher().stop_instances(caller(), {id}, false);
    settle();
    const auto change = launcher().stop_instances(caller(), {id}, false).at(0);
    EXPECT_EQ(change.previous, InstanceState::stopped);
    EXPECT_EQ(change.current, InstanceState::stopped);
}

TEST_F(InstanceStateTest, a_request_with_one_bad_id_changes_no_instance) {
    const InstanceId id = run_one();
    EXPECT_EQ(code_of([&] {
                  launcher().terminate_instances(caller(), {id, InstanceId::generate()});
              }),
              "InvalidInstanceID.NotFound");
    settle();
    EXPECT_EQ(state(id), InstanceState::running);
}

TEST_F(InstanceStateTest, termination_protection_refuses_termination_until_it_is_off) {
    auto wanted = request();
    wanted.disable_api_termination = true;
    const InstanceId id = run_one(wanted);
    EXPECT_EQ(code_of([&] { launcher().terminate_instances(caller(), {id}); }),
              "OperationNotPermitted");
    launcher().modify_instance_attribute(caller(),
                                         {.instance = id, .disable_api_termination = false});
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), InstanceState::terminated);
}

TEST_F(InstanceStateTest, a_power_off_from_inside_stops_or_terminates_as_the_attribute_says) {
    const InstanceId stops = run_one();
    auto wanted = request();
    wanted.shutdown_behavior = ShutdownBehavior::terminate;
    const InstanceId ends = run_one(wanted);
    host().guest_powers_off(stops.str());
    host().guest_powers_off(ends.str());
    settle();

    EXPECT_EQ(state(stops), InstanceState::stopped);
    EXPECT_EQ(instance_now(stops).state_reason.code, "Client.InstanceInitiatedShutdown");
    EXPECT_EQ(state(ends), InstanceState::terminated);
    EXPECT_EQ(file_count(), 2U) << "the image's layer and the stopped instance's volume";
}

TEST_F(InstanceStateTest, a_power_off_while_the_service_was_down_is_seen_at_the_next_start) {
    const InstanceId stops = run_one();
    const InstanceId goes_on = run_one();
    stop_service();
    host().guest_vanishes(stops.str());
    start_service();

    EXPECT_EQ(state(stops), InstanceState::stopped);
    EXPECT_EQ(state(goes_on), InstanceState::running);
}

TEST_F(InstanceStateTest, a_host_that_was_restarted_deletes_nothing_whatever_the_attribute_says) {
    auto wanted = request();
    wanted.shutdown_behavior = images::ShutdownBehavior::terminate;
    const InstanceId id = run_one(wanted);
    stop_service();
    host().guest_vanishes(id.str());
    write_file_atomically(directory() / "host-boot-id", "another boot", 0600);
    start_service();

    EXPECT_EQ(state(id), InstanceState::stopped);
    EXPECT_TRUE(pool().exists(volumes(id).at(0).layer.value()));
}

TEST_F(InstanceStateTest, a_machine_ended_from_outside_is_stopped_whatever_the_attribute_says) {
    auto wanted = request();
    wanted.shutdown_behavior = images::ShutdownBehavior::terminate;
    const InstanceId id = run_one(wanted);
    host().guest_vanishes(id.str());
    host().send(
        {.domain = id.str(), .kind = hypervisor::DomainEventKind::stopped, .detail = "destroyed"});
    settle();

    EXPECT_EQ(state(id), InstanceState::stopped);
}

TEST_F(InstanceStateTest, what_happens_to_the_domains_of_others_is_ignored) {
    const InstanceId id = run_one();
    host().send({.domain = "i-lab", .kind = hypervisor::DomainEventKind::stopped, .detail = ""});
    settle();
    EXPECT_EQ(state(id), InstanceState::running);
}

TEST_F(InstanceStateTest, a_termination_asked_for_while_it_stops_is_not_lost) {
    const InstanceId id = run_one();
    host().before_next("request_shutdown", [&] { launcher().terminate_instances(caller(), {id}); });
    launcher().stop_instances(caller(), {id}, false);
    settle();

    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(InstanceStateTest, a_termination_asked_for_while_a_start_fails_is_not_lost) {
    const InstanceId id = run_one();
    launcher().stop_instances(caller(), {id}, false);
    settle();
    host().before_next("start_domain", [&] { launcher().terminate_instances(caller(), {id}); });
    host().fail_next("start_domain", Error("InternalError", "", "no memory left"));
    launcher().start_instances(caller(), {id});
    settle();

    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(InstanceStateTest, starting_several_counts_the_memory_of_all) {
    const InstanceId one = run_one();
    const InstanceId two = run_one();
    launcher().stop_instances(caller(), {one, two}, false);
    settle();
    host().set_memory(Bytes::mebibytes(512 + 1024));  // the reserve and one t3.micro

    EXPECT_EQ(code_of([&] {
                  launcher().start_instances(caller(), {one, two});
              }),
              "InsufficientInstanceCapacity");
    EXPECT_EQ(state(one), InstanceState::stopped);
    EXPECT_EQ(state(two), InstanceState::stopped);
}

TEST_F(InstanceStateTest, a_start_that_fails_leaves_the_instance_stopped_with_the_cause) {
    const InstanceId id = run_one();
    launcher().stop_instances(caller(), {id}, false);
    settle();
    host().fail_next("start_domain", Error("InternalError", "", "no memory left"));
    launcher().start_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), InstanceState::stopped);
    EXPECT_THAT(instance_now(id).state_reason.message, HasSubstr("no memory left"));
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(InstanceStateTest, a_changed_type_is_what_the_next_start_boots) {
    const InstanceId id = run_one();
    launcher().stop_instances(caller(), {id}, false);
    settle();
    launcher().modify_instance_attribute(caller(), {.instance = id, .instance_type = "t3.medium"});
    launcher().start_instances(caller(), {id});
    settle();
    EXPECT_EQ(host().spec(id.str()).memory, Bytes::gibibytes(4));
}

TEST_F(InstanceStateTest, only_one_attribute_is_changed_by_a_request) {
    const InstanceId id = run_one();
    EXPECT_EQ(code_of([&] {
                  launcher().modify_instance_attribute(
                      caller(), {.instance = id,
                                 .disable_api_termination = true,
                                 .shutdown_behavior = ShutdownBehavior::terminate});
              }),
              "InvalidParameterCombination");
}

/// A launch whose service was killed right after the answer: there are rows and intents, but
/// neither file nor domain.
class LaunchCutOff : public InstanceStateTest {
  protected:
    LaunchCutOff() {
        stop_service();
        host().guest_vanishes(id.str());
        pool().remove(volumes(id).at(0).layer.value());
        write([&](Session& session) {
            auto volume = images::volumes_of_instance(session, id).at(0);
            volume.state = images::VolumeState::creating;
            volume.attachment->delete_on_termination = false;
            images::update_volume(session, volume, now());
            images::set_layer_state(session, caller().region, volume.layer.value(),
                                    images::LayerState::creating);
        });
        intend("launch", InstanceState::pending);
    }
    void intend(const std::string& kind, InstanceState state) {
        write([&](Session& session) {
            auto instance = images::find_instance(session, id).value();
            instance.state = state;
            images::update_instance(session, instance, now());
            images::insert_operation(session, {.id = OperationId::generate(),
                                               .kind = kind,
                                               .owner = instance.owner,
                                               .resource_id = id.str(),
                                               .payload = "{}",
                                               .created = now()});
        });
    }

    const InstanceId id = run_one();
};

TEST_F(LaunchCutOff, is_finished_at_the_next_start) {
    start_service();
    EXPECT_EQ(state(id), InstanceState::running);
    EXPECT_TRUE(pool().exists(volumes(id).at(0).layer.value()));
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(LaunchCutOff, leaves_no_volume_without_a_file_when_a_termination_overtook_it) {
    const VolumeId volume = volumes(id).at(0).id;
    intend("terminate", InstanceState::shutting_down);
    start_service();
    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_FALSE(read([&](Session& session) { return images::find_volume(session, volume); }));
    EXPECT_EQ(layer_count(), 1U) << "the image's";
    EXPECT_EQ(file_count(), 1U);
    EXPECT_EQ(open_operation_count(), 0U);
}

}  // namespace

}  // namespace kiln::tests
