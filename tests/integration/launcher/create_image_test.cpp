#include <gmock/gmock.h>

#include "base/file.hpp"
#include "launcher/instances/domain_plan.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using images::ImageState;
using images::InstanceState;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class CreateImageTest : public LauncherFixture {
  protected:
    /// The serial number of the instance's one disk.
    std::string serial_of(const InstanceId& id) {
        return launcher::serial_of(volumes(id).at(0).id);
    }
};

TEST_F(CreateImageTest, without_reboot_freezes_the_top_and_the_guest_goes_on_in_an_overlay) {
    const InstanceId id = run_one();
    const LayerId old_top = volumes(id).at(0).layer.value();
    const ImageId image =
        launcher().create_image(caller(), {.instance = id, .name = "two", .no_reboot = true});
    settle();

    EXPECT_EQ(image_now(image).state, ImageState::available);
    EXPECT_EQ(layer_now(old_top)->state, images::LayerState::frozen);
    const LayerId new_top = volumes(id).at(0).layer.value();
    EXPECT_NE(new_top, old_top);
    EXPECT_EQ(host().active_file(id.str(), serial_of(id)), pool().path_of(new_top));
    const auto mode = std::filesystem::status(pool().path_of(old_top)).permissions();
    EXPECT_EQ(mode, std::filesystem::perms(0400));
    EXPECT_THAT(host().calls(), Not(Contains("request_shutdown " + id.str())));
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(CreateImageTest, with_reboot_shuts_the_guest_down_and_boots_it_while_it_says_running) {
    const InstanceId id = run_one();
    const ImageId image = launcher().create_image(caller(), {.instance = id, .name = "two"});
    EXPECT_EQ(state(id), InstanceState::running);
    settle();

    EXPECT_EQ(image_now(image).state, ImageState::available);
    EXPECT_EQ(state(id), InstanceState::running);
    EXPECT_THAT(host().calls(), Contains("request_shutdown " + id.str()));
    EXPECT_EQ(host().spec(id.str()).disks.at(0).chain.size(), 3U);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(CreateImageTest, an_image_of_a_stopped_instance_launches) {
    const InstanceId id = run_one();
    launcher().stop_instances(caller(), {id}, false);
    settle();
    const ImageId image = launcher().create_image(caller(), {.instance = id, .name = "two"});
    settle();
    auto wanted = request();
    wanted.image = image;
    const InstanceId second = run_one(wanted);
    EXPECT_EQ(state(second), InstanceState::running);
    EXPECT_EQ(state(id), InstanceState::stopped);
}

TEST_F(CreateImageTest, a_snapshot_that_fails_leaves_the_guest_where_it_was) {
    const InstanceId id = run_one();
    const LayerId old_top = volumes(id).at(0).layer.value();
    const std::size_t files = file_count();
    host().fail_next("snapshot_disks", Error("InternalError", "", "a block job is running"));
    const ImageId image =
        launcher().create_image(caller(), {.instance = id, .name = "two", .no_reboot = true});
    settle();

    EXPECT_EQ(image_now(image).state, ImageState::failed);
    EXPECT_THAT(image_now(image).state_reason, HasSubstr("a block job is running"));
    EXPECT_EQ(volumes(id).at(0).layer, old_top);
    EXPECT_EQ(layer_now(old_top)->state, images::LayerState::live);
    EXPECT_EQ(file_count(), files);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(CreateImageTest, refuses_bad_names_duplicates_and_wrong_states) {
    const InstanceId id = run_one();
    const auto code = [&](const InstanceId& of, const std::string& name) {
        return error_code_of(
            [&] { launcher().create_image(caller(), {.instance = of, .name = name}); });
    };
    EXPECT_EQ(code(id, "ab"), "InvalidAMIName.Malformed");
    EXPECT_EQ(code(id, "a*b*c"), "InvalidAMIName.Malformed");
    EXPECT_EQ(code(id, "golden"), "InvalidAMIName.Duplicate");
    EXPECT_EQ(code(InstanceId::generate(), "two"), "InvalidInstanceID.NotFound");
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(code(id, "two"), "InvalidParameterValue");
}

TEST_F(CreateImageTest, deregistering_keeps_running_instances_and_images_made_from_them) {
    const InstanceId id = run_one();
    const ImageId second =
        launcher().create_image(caller(), {.instance = id, .name = "two", .no_reboot = true});
    settle();
    launcher().deregister_image(caller(), golden(), true);

    EXPECT_EQ(error_code_of([&] { launcher().run_instances(caller(), request()); }),
              "InvalidAMIID.Unavailable");
    EXPECT_EQ(state(id), InstanceState::running);
    auto wanted = request();
    wanted.image = second;
    EXPECT_EQ(state(run_one(wanted)), InstanceState::running);
}

TEST_F(CreateImageTest, layers_that_nothing_needs_are_removed) {
    const InstanceId id = run_one();
    const ImageId second =
        launcher().create_image(caller(), {.instance = id, .name = "two", .no_reboot = true});
    settle();
    launcher().terminate_instances(caller(), {id});
    settle();
    EXPECT_EQ(file_count(), 2U) << "golden's layer and the captured one";
    launcher().deregister_image(caller(), golden(), true);
    EXPECT_EQ(file_count(), 2U) << "the second image stands on the first's layer";
    launcher().deregister_image(caller(), second, true);
    EXPECT_EQ(file_count(), 0U);
    EXPECT_EQ(layer_count(), 0U);
}

/// A capture whose service was killed between the switch of the disks and its publication.
class CaptureCutOff : public CreateImageTest {
  protected:
    CaptureCutOff() {
        pending.state = ImageState::pending;
        images::Snapshot part = snapshot(before.layer.value());
        part.layer.reset();
        part.volume = before.id;
        part.state = images::SnapshotState::pending;
        pending.block_devices.at(0).snapshot = part.id;
        pool().create_overlay(
            {.layer = overlay, .parent = before.layer.value(), .size = before.size});
        host().snapshot_disks(id.str(),
                              {{.serial = serial_of(id), .overlay = pool().path_of(overlay)}});
        stop_service();
        write([&](Session& session) {
            images::Layer row = layer(before.layer.value());
            row.id = overlay;
            row.state = images::LayerState::creating;
            images::insert_layer(session, row);
            images::insert_snapshot(session, part);
            images::insert_image(session, pending);
            images::insert_operation(
                session,
                {.id = OperationId::generate(),
                 .kind = "create-image",
                 .owner = pending.owner,
                 .resource_id = id.str(),
                 .payload = R"({"image":")" + pending.id.str() + R"(","instance":")" + id.str() +
                            R"(","no_reboot":true,"boots_again":false,"parts":[{"volume":")" +
                            before.id.str() + R"(","snapshot":")" + part.id.str() +
                            R"(","device":"/dev/sda1"}],"overlays":{")" + before.id.str() +
                            R"(":")" + overlay.str() + R"("}})",
                 .created = now()});
        });
    }

    void expect_finished() {
        EXPECT_EQ(image_now(pending.id).state, ImageState::available);
        EXPECT_EQ(volumes(id).at(0).layer, overlay);
        EXPECT_EQ(layer_now(before.layer.value())->state, images::LayerState::frozen);
        EXPECT_EQ(open_operation_count(), 0U);
    }

    const InstanceId id = run_one();
    const LayerId overlay = LayerId::generate();
    const images::Volume before = volumes(id).at(0);
    images::Image pending = image("two");
};

TEST_F(CaptureCutOff, is_finished_at_the_next_start) {
    start_service();
    expect_finished();
}

TEST_F(CaptureCutOff, is_finished_without_loss_when_the_guest_has_powered_off_meanwhile) {
    write_file_atomically(pool().path_of(overlay), "what the guest wrote", 0600);
    host().guest_vanishes(id.str());
    start_service();

    expect_finished();
    EXPECT_EQ(read_file(pool().path_of(overlay)), "what the guest wrote");
    EXPECT_EQ(state(id), images::InstanceState::stopped)
        << host().domain_count() << " domains after " << ::testing::PrintToString(host().calls());
}

}  // namespace

}  // namespace kiln::tests
