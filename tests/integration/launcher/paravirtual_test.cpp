#include <gmock/gmock.h>

#include <algorithm>

#include "base/file.hpp"
#include "images/catalog/permission.hpp"
#include "images/catalog/pv_kernels.hpp"
#include "launcher/instances/instance_rows.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using images::Architecture;
using images::InstanceState;
using images::VirtualizationType;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

/// Paravirtual instances, whose appliances are real images with a fake host.
class ParavirtualTest : public LauncherFixture {
  protected:
    ParavirtualTest() : paravirtual_(register_paravirtual("paravirtual")) {
        host().let_agents_answer();
    }

    ImageId register_paravirtual(
        const std::string& name,
        const std::string& kernel = images::pv_kernel_id("hd0", Architecture::x86_64)) {
        return launcher().register_image(
            caller(),
            {.name = name,
             .virtualization_type = VirtualizationType::paravirtual,
             .root_device_name = "/dev/sda1",
             .kernel_id = kernel,
             .block_devices = {{.device_name = "/dev/sda1",
                                .snapshot = image_now(golden()).block_devices.at(0).snapshot}}});
    }
    /// As the builder registers it, later than those before.
    ImageId make_appliance(const std::string& name = "appliance") {
        const ImageId id = insert_image(name);
        images::Image image = image_now(id);
        image.purpose = images::pv_appliance;
        image.created = now() + std::chrono::seconds(++appliances_);
        write([&](Session& session) { images::update_image(session, image); });
        return id;
    }
    LayerId layer_of(const ImageId& image) {
        const SnapshotId root = image_now(image).block_devices.at(0).snapshot.value();
        return read(
            [&](Session& session) { return images::find_snapshot(session, root)->layer.value(); });
    }
    launcher::RunInstancesRequest launch() {
        auto wanted = request();
        wanted.image = paravirtual_;
        wanted.instance_type = "t1.micro";
        return wanted;
    }
    std::ptrdiff_t boots() {
        return std::ranges::count_if(host().calls(), [](const std::string& call) {
            return call.starts_with("save_domain ");
        });
    }
    std::vector<std::string> appliance_files() {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(directory() / "appliances"))
            names.push_back(entry.path().filename());
        return names;
    }
    void stop(const InstanceId& id) {
        launcher().stop_instances(caller(), {id}, false);
        settle();
    }
    std::vector<std::string> states() {
        std::vector<std::string> names = appliance_files();
        std::erase_if(names, [](const std::string& name) { return !name.ends_with(".state"); });
        return names;
    }
    /// With a reboot.
    void capture(const InstanceId& id) {
        launcher().create_image(caller(), {.instance = id, .name = "captured"});
        settle();
    }
    std::ptrdiff_t guest_starts() {
        return std::ranges::count_if(host().programs(), [](const auto& program) {
            return program.arguments.back() == "start";
        });
    }
    std::string last_description() { return host().programs().back().standard_input; }

    ImageId paravirtual_;
    int appliances_ = 0;
};

TEST_F(ParavirtualTest, without_an_appliance_the_launch_says_how_to_build_one) {
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), launch()); }),
              "UnsupportedOperation");
    EXPECT_THAT(error_message_of([&] { launcher().run_instances(caller(), launch()); }),
                HasSubstr("kiln build pv-appliance"));
}

TEST_F(ParavirtualTest, a_guest_begins_in_a_saved_appliance) {
    make_appliance();
    const InstanceId id = run_one(launch());
    ASSERT_EQ(state(id), InstanceState::running) << instance_now(id).state_reason.message;
    EXPECT_THAT(host().calls(), Contains("restore_domain " + id.str()));
    EXPECT_THAT(host().calls(), Contains("attach_card " + id.str()));
    const auto domain = host().spec(id.str());
    ASSERT_THAT(domain.disks, SizeIs(3)) << "the appliance's, the guest's and its seed";
    EXPECT_EQ(domain.disks.at(0).chain.size(), 2U);
    EXPECT_THAT(last_description(), HasSubstr("kernel=pv-grub-hd0-x86_64\n"));
    EXPECT_THAT(last_description(), HasSubstr("disk=" + domain.disks.at(1).serial + ",xvda,w\n"));
    EXPECT_THAT(last_description(), HasSubstr("disk=" + domain.disks.at(2).serial + ",xvdz,r\n"));
    EXPECT_THAT(last_description(), HasSubstr("uuid=" + instance_now(id).domain_uuid + "\n"));
}

TEST_F(ParavirtualTest, the_appliance_is_booted_once_for_each_size_of_machine) {
    make_appliance();
    run_one(launch());
    run_one(launch());
    EXPECT_EQ(boots(), 1);
    auto larger = launch();
    larger.instance_type = "m1.small";
    run_one(larger);
    EXPECT_EQ(boots(), 2);
}

TEST_F(ParavirtualTest, a_guest_that_does_not_start_leaves_nothing) {
    make_appliance();
    host().fail_next("run_in_guest", Error("InternalError", "", "no answer"));
    const InstanceId id = run_one(launch());
    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_THAT(instance_now(id).state_reason.message, HasSubstr("no answer"));
    EXPECT_EQ(host().domain_state(id.str()), hypervisor::DomainState::absent);
    EXPECT_THAT(appliance_files(), Not(Contains(HasSubstr(id.str()))));
}

TEST_F(ParavirtualTest, an_instance_stops_starts_and_terminates_as_others_do) {
    make_appliance();
    const InstanceId id = run_one(launch());
    stop(id);
    EXPECT_EQ(state(id), InstanceState::stopped);
    EXPECT_THAT(appliance_files(), Not(Contains(HasSubstr(id.str()))));
    launcher().start_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), InstanceState::running);
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), InstanceState::terminated);
    EXPECT_THAT(appliance_files(), Not(Contains(HasSubstr(id.str()))));
}

TEST_F(ParavirtualTest, a_launch_that_was_cut_off_half_way_begins_anew) {
    make_appliance();
    const InstanceId id = run_one(launch());
    // As after a crash between the restored machine and its guest.
    write([&](Session& session) {
        images::Instance instance = images::find_instance(session, id).value();
        instance.state = InstanceState::pending;
        images::update_instance(session, instance, now());
        images::insert_operation(session, launcher::instance_operation("launch", instance, now()));
    });
    const std::size_t told = host().programs().size();
    stop_service();
    start_service();
    EXPECT_EQ(state(id), InstanceState::running);
    EXPECT_EQ(host().programs().size(), told + 1) << "the new machine was told what to run";
    EXPECT_THAT(host().calls(), Contains("destroy " + id.str()));
}

TEST_F(ParavirtualTest, an_appliance_that_does_not_come_up_fails_all_that_wait_for_it_at_once) {
    make_appliance();
    host().fail_next("save_domain", Error("InternalError", "", "no room"));
    for (int launches = 0; launches < 2; ++launches) {
        const InstanceId id = run_one(launch());
        EXPECT_EQ(state(id), InstanceState::terminated);
        EXPECT_THAT(instance_now(id).state_reason.message, HasSubstr("no room"));
    }
    EXPECT_EQ(boots(), 1);
    EXPECT_EQ(host().domain_count(), 0U);
    EXPECT_THAT(appliance_files(), IsEmpty());
}

TEST_F(ParavirtualTest, a_state_that_cannot_be_restored_is_made_anew) {
    make_appliance();
    const InstanceId before = run_one(launch());
    host().fail_next("restore_domain",
                     Error(hypervisor::stale_saved_domain, "", "another processor"));
    EXPECT_EQ(state(run_one(launch())), InstanceState::running);
    EXPECT_EQ(boots(), 2);
    EXPECT_THAT(appliance_files(), Contains(before.str() + ".base.qcow2"))
        << "a guest keeps what it stands on";
}

TEST_F(ParavirtualTest, a_failure_of_another_kind_costs_nobody_the_saved_appliance) {
    make_appliance();
    run_one(launch());
    host().fail_next("restore_domain", Error("InternalError", "", "no space for a copy"));
    EXPECT_EQ(state(run_one(launch())), InstanceState::terminated);
    EXPECT_EQ(state(run_one(launch())), InstanceState::running);
    EXPECT_EQ(boots(), 1);
}

TEST_F(ParavirtualTest, an_appliance_is_tried_again_when_libvirt_was_away) {
    make_appliance();
    host().fail_next("save_domain", Error("Unavailable", "", "libvirtd is being restarted"));
    EXPECT_EQ(state(run_one(launch())), InstanceState::running);
    EXPECT_EQ(boots(), 2);
}

TEST_F(ParavirtualTest, a_state_that_others_have_made_anew_meanwhile_stays) {
    make_appliance();
    run_one(launch());
    host().before_next("restore_domain", [&] {
        // Another guest met the same state, and was quicker.
        for (const std::string& name : states())
            write_file_atomically(directory() / "appliances" / name, "made anew", 0600);
        host().fail_next("restore_domain",
                         Error(hypervisor::stale_saved_domain, "", "another processor"));
    });
    EXPECT_EQ(state(run_one(launch())), InstanceState::running);
    EXPECT_EQ(boots(), 1);
    EXPECT_EQ(read_file(directory() / "appliances" / states().at(0)), "made anew");
}

TEST_F(ParavirtualTest, what_was_just_made_is_not_taken_for_stale) {
    make_appliance();
    run_one(launch());
    const Error stale(hypervisor::stale_saved_domain, "", "no memory");
    host().fail_next("restore_domain", stale);
    host().before_next("save_domain", [&] { host().fail_next("restore_domain", stale); });
    EXPECT_EQ(state(run_one(launch())), InstanceState::terminated);
    EXPECT_EQ(state(run_one(launch())), InstanceState::running);
    EXPECT_EQ(boots(), 2);
}

TEST_F(ParavirtualTest, a_newer_appliance_takes_the_place_of_one_that_is_used_no_more) {
    const ImageId older = make_appliance();
    run_one(launch());
    const ImageId newer = make_appliance("newer");
    run_one(launch());
    EXPECT_THAT(states(), UnorderedElementsAre(StartsWith(layer_of(older).str()),
                                               StartsWith(layer_of(newer).str())))
        << "somebody may use either";

    for (const std::string& name : states()) {
        std::filesystem::last_write_time(
            directory() / "appliances" / name,
            std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
    }
    const ImageId newest = make_appliance("newest");
    run_one(launch());
    EXPECT_THAT(states(), ElementsAre(StartsWith(layer_of(newest).str())));
    EXPECT_EQ(boots(), 3);
}

TEST_F(ParavirtualTest, a_captured_guest_boots_again_in_whatever_appliance_there_is) {
    make_appliance();
    const InstanceId id = run_one(launch());
    make_appliance("newer");
    capture(id);
    EXPECT_EQ(state(id), InstanceState::running) << instance_now(id).state_reason.message;
    EXPECT_EQ(boots(), 2);
    EXPECT_EQ(guest_starts(), 2);
}

TEST_F(ParavirtualTest, a_captured_guest_whose_appliance_was_left_without_it_boots_again) {
    make_appliance();
    const InstanceId id = run_one(launch());
    host().fail_next("run_in_guest", Error("Unavailable", "", "libvirtd is being restarted"));
    capture(id);
    EXPECT_EQ(state(id), InstanceState::running);
    EXPECT_EQ(guest_starts(), 2);
}

TEST_F(ParavirtualTest, a_capture_that_fails_before_the_guest_goes_down_leaves_it_alone) {
    make_appliance();
    const InstanceId id = run_one(launch());
    // Nothing can be laid on top of what is not there.
    std::filesystem::remove(pool().path_of(volumes(id).at(0).layer.value()));
    host().fail_next("run_in_guest", Error("InternalError", "", "the appliance is slow"));
    capture(id);
    EXPECT_THAT(host().calls(), Not(Contains("request_shutdown " + id.str())));
    EXPECT_EQ(guest_starts(), 1);
    EXPECT_EQ(state(id), InstanceState::running);
}

TEST_F(ParavirtualTest, a_captured_guest_that_does_not_boot_again_leaves_nothing) {
    make_appliance();
    const InstanceId id = run_one(launch());
    host().fail_next("run_in_guest", Error("InternalError", "", "no answer"));
    capture(id);
    EXPECT_EQ(state(id), InstanceState::stopped);
    EXPECT_EQ(host().domain_state(id.str()), hypervisor::DomainState::absent);
    EXPECT_THAT(appliance_files(), Not(Contains(StartsWith(id.str()))));
}

TEST_F(ParavirtualTest, a_start_that_fails_leaves_nothing) {
    make_appliance();
    const InstanceId id = run_one(launch());
    stop(id);
    host().fail_next("run_in_guest", Error("InternalError", "", "no answer"));
    launcher().start_instances(caller(), {id});
    settle();
    EXPECT_EQ(state(id), InstanceState::stopped);
    EXPECT_THAT(appliance_files(), Not(Contains(StartsWith(id.str()))));
}

TEST_F(ParavirtualTest, what_a_crash_has_left_of_appliances_goes_with_the_next_start) {
    const ImageId image = make_appliance();
    const InstanceId id = run_one(launch());
    const LayerId layer = layer_of(image);
    stop_service();
    const std::filesystem::path appliances = directory() / "appliances";
    const std::string half_made = layer.str() + ".aaaaaaaaaaaa.bbbbbbbbbbbb";
    const std::string gone = LayerId::generate().str() + ".aaaaaaaaaaaa.bbbbbbbbbbbb";
    const std::string unknown = InstanceId::generate().str();
    for (const std::string& name :
         {half_made + ".qcow2", half_made + ".state.new", gone + ".qcow2", gone + ".state",
          unknown + ".qcow2", unknown + ".base.qcow2", id.str() + ".state"})
        write_file_atomically(appliances / name, "", 0600);
    start_service();
    EXPECT_THAT(host().calls(), Contains("destroy kiln-appliance-" + half_made));
    EXPECT_THAT(appliance_files(),
                UnorderedElementsAre(EndsWith(".state"), StartsWith(layer.str()),
                                     id.str() + ".qcow2", id.str() + ".base.qcow2"));
}

TEST_F(ParavirtualTest, the_memory_of_the_appliance_counts) {
    make_appliance();
    // The reserve and one guest of 627 MiB with its appliance, but not two.
    host().set_memory(settings().memory_reserve + Bytes::mebibytes(2 * 627 + 400));
    EXPECT_EQ(state(run_one(launch())), InstanceState::running);
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), launch()); }),
              "InsufficientInstanceCapacity");
}

TEST_F(ParavirtualTest, volumes_come_and_go_while_it_is_stopped) {
    make_appliance();
    const InstanceId id = run_one(launch());
    const auto volume =
        launcher().create_volume(caller(), {.zone = "local-1a", .size = Bytes::gibibytes(1)});
    settle();
    const auto attach = [&] {
        launcher().attach_volume(caller(),
                                 {.volume = volume.id, .instance = id, .device_name = "/dev/sdf"});
    };
    EXPECT_EQ(error_code_of(attach), "UnsupportedOperation");
    stop(id);
    attach();
    settle();
    launcher().start_instances(caller(), {id});
    settle();
    EXPECT_THAT(last_description(), HasSubstr(",xvdf,w\n"));
    EXPECT_EQ(error_code_of([&] { launcher().detach_volume(caller(), {.volume = volume.id}); }),
              "UnsupportedOperation");
}

TEST_F(ParavirtualTest, a_kernel_that_the_image_lacks_is_the_launchs_to_name) {
    make_appliance();
    const ImageId bare = register_paravirtual("bare", "");
    auto wanted = launch();
    wanted.image = bare;
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), wanted); }),
              "InvalidParameterCombination");
    wanted.kernel_id = images::pv_kernel_id("hd00", Architecture::x86_64);
    EXPECT_EQ(state(run_one(wanted)), InstanceState::running);
    EXPECT_THAT(last_description(), HasSubstr("kernel=pv-grub-hd00-x86_64\n"));
}

TEST_F(ParavirtualTest, an_appliance_that_is_no_good_hides_no_older_one) {
    make_appliance();
    images::Image newer = image_now(make_appliance("newer"));
    newer.root_device_type = images::DeviceType::instance_store;
    write([&](Session& session) { images::update_image(session, newer); });
    EXPECT_EQ(state(run_one(launch())), InstanceState::running);
}

TEST_F(ParavirtualTest, nobody_elses_appliance_is_trusted) {
    const ImageId id = make_appliance();
    images::Image image = image_now(id);
    image.owner = stranger().owner;
    write([&](Session& session) {
        images::update_image(session, image);
        images::grant(session, id, images::everybody);
    });
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), launch()); }),
              "UnsupportedOperation");
}

TEST_F(ParavirtualTest, only_types_with_paravirtual_guests_run_one) {
    make_appliance();
    auto wanted = launch();
    wanted.instance_type = "t3.micro";
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), wanted); }),
              "InvalidParameterCombination");
    const InstanceId id = run_one(launch());
    stop(id);
    EXPECT_EQ(error_code_of([&] {
                  launcher().modify_instance_attribute(
                      caller(), {.instance = id, .instance_type = "t3.micro"});
              }),
              "InvalidInstanceAttributeValue");
}

TEST_F(ParavirtualTest, the_kernel_of_a_stopped_instance_changes_to_another_of_kilns) {
    make_appliance();
    const InstanceId id = run_one(launch());
    stop(id);
    const auto change = [&](const std::string& kernel) {
        launcher().modify_instance_attribute(caller(), {.instance = id, .kernel_id = kernel});
    };
    EXPECT_EQ(error_code_of([&] { change("aki-12345678"); }), "InvalidAMIID.NotFound");
    EXPECT_EQ(error_code_of([&] { change(""); }), "InvalidParameterCombination");
    change(images::pv_kernel_id("hd00", Architecture::x86_64));
    launcher().start_instances(caller(), {id});
    settle();
    EXPECT_THAT(last_description(), HasSubstr("kernel=pv-grub-hd00-x86_64\n"));
}

}  // namespace

}  // namespace kiln::tests
