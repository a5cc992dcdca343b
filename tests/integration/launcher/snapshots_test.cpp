#include "images/catalog/tag.hpp"
#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

namespace {

using images::AttachmentState;
using images::SnapshotState;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class SnapshotsTest : public VolumesFixture {};

TEST_F(SnapshotsTest, a_snapshot_of_a_guests_volume_freezes_its_top_and_the_guest_goes_on) {
    const InstanceId instance = run_one();
    const images::Volume before = volumes(instance).at(0);
    const SnapshotId id = snap(before.id);
    EXPECT_EQ(snapshot_now(id).state, SnapshotState::completed);
    EXPECT_EQ(snapshot_now(id).layer, before.layer);
    EXPECT_EQ(host().active_file(instance.str(), launcher::serial_of(before.id)),
              pool().path_of(volume_now(before.id).layer.value()));
    EXPECT_THAT(host().calls(), Not(Contains("request_shutdown " + instance.str())));
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(SnapshotsTest, a_snapshot_that_fails_says_why_and_the_volume_stays_as_it_was) {
    const InstanceId instance = run_one();
    const images::Volume before = volumes(instance).at(0);
    const std::size_t files = file_count();
    host().fail_next("snapshot_disks", Error("InternalError", "", "a block job is running"));
    const SnapshotId id = snap(before.id);
    EXPECT_EQ(snapshot_now(id).state, SnapshotState::error);
    EXPECT_THAT(snapshot_now(id).state_message, HasSubstr("a block job is running"));
    EXPECT_EQ(volume_now(before.id).layer, before.layer);
    EXPECT_EQ(file_count(), files);
    EXPECT_EQ(open_operation_count(), 0U);
    launcher().delete_snapshot(caller(), id);
}

TEST_F(SnapshotsTest, a_snapshot_has_the_size_that_its_volume_has_when_it_is_taken) {
    const VolumeId id = create_empty();
    launcher().modify_volume(caller(), {.volume = id, .size = Bytes::gibibytes(5)});
    const SnapshotId snapshot = launcher().create_snapshot(caller(), {.volume = id}).id;
    settle();
    EXPECT_EQ(snapshot_now(snapshot).volume_size, Bytes::gibibytes(5));
}

TEST_F(SnapshotsTest, a_switch_that_libvirt_reports_as_failed_though_it_was_made_is_kept) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    const LayerId before = volume_now(id).layer.value();
    host().fail_after_next("snapshot_disks", Error("InternalError", "", "cannot save the status"));
    EXPECT_EQ(snapshot_now(snap(id)).state, SnapshotState::completed);
    EXPECT_NE(volume_now(id).layer, before);
    EXPECT_EQ(host().active_file(instance.str(), launcher::serial_of(id)),
              pool().path_of(volume_now(id).layer.value()));
}

TEST_F(SnapshotsTest, an_attachment_that_the_catalog_could_not_note_is_not_given_up) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    host().fail_after_next("attach_disk", Error("InternalError", "", "cannot save the status"));
    attach(id, instance);
    EXPECT_EQ(volume_now(id).attachment->state, AttachmentState::attaching) << "it is tried again";
    stop_service();
    start_service();
    EXPECT_EQ(volume_now(id).attachment->state, AttachmentState::attached);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(SnapshotsTest, an_instance_does_not_start_while_its_root_is_being_detached) {
    const InstanceId instance = run_one();
    stop(instance);
    const VolumeId root = volumes(instance).at(0).id;
    write([&](Session& session) {
        images::Volume changed = images::find_volume(session, root).value();
        changed.attachment->state = AttachmentState::detaching;
        images::update_volume(session, changed, now());
    });
    EXPECT_EQ(error_code_of([&] { launcher().start_instances(caller(), {instance}); }),
              "InvalidParameterValue");
}

TEST_F(SnapshotsTest, a_switch_of_which_nobody_can_tell_is_looked_after_again) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    host().fail_after_next("snapshot_disks", Error("InternalError", "", "the connection broke"));
    host().before_next("snapshot_disks", [this] {
        host().fail_next("active_file", Error(error_code::unavailable, "", "libvirtd is away"));
    });
    EXPECT_EQ(snapshot_now(snap(id)).state, SnapshotState::completed);
    EXPECT_EQ(host().active_file(instance.str(), launcher::serial_of(id)),
              pool().path_of(volume_now(id).layer.value()))
        << "the file that the guest writes to was not taken away";
}

TEST_F(SnapshotsTest, all_volumes_of_an_instance_are_kept_in_one_transaction) {
    const InstanceId instance = run_one();
    const VolumeId root = volumes(instance).at(0).id;
    const VolumeId one = create_empty();
    const VolumeId two = create_empty();
    attach(one, instance, "/dev/sdf");
    attach(two, instance, "/dev/sdg");
    write([&](Session& session) {
        images::set_tags(session, scope(), one.str(), {{.key = "Name", .value = "data"}});
    });
    const auto made = launcher().create_snapshots(
        caller(), {.instance = instance, .copy_tags_from_volume = true});
    settle();
    EXPECT_THAT(made, SizeIs(3));
    for (const images::Snapshot& snapshot : made)
        EXPECT_EQ(snapshot_now(snapshot.id).state, SnapshotState::completed);
    EXPECT_EQ(std::ranges::count(host().calls(), "snapshot_disks " + instance.str()), 1);
    EXPECT_THAT(read([&](Session& session) {
                    return images::tags_by_resource(session, scope())[made.at(1).id.str()];
                }),
                SizeIs(1));

    EXPECT_THAT(launcher().create_snapshots(
                    caller(),
                    {.instance = instance, .exclude_boot_volume = true, .excluded_volumes = {two}}),
                SizeIs(1));
    settle();
    expect_refused("InvalidParameterValue", [&] {
        launcher().create_snapshots(caller(), {.instance = instance, .excluded_volumes = {root}});
    });
    expect_refused("InvalidParameterCombination", [&] {
        launcher().create_snapshots(
            caller(),
            {.instance = instance, .exclude_boot_volume = true, .excluded_volumes = {one, two}});
    });
}

TEST_F(SnapshotsTest, deleting_any_snapshot_harms_no_later_one) {
    const VolumeId id = create_empty();
    std::vector<SnapshotId> snapshots;
    for (const char* text : {"firststate", "secondstate", "thirdstate"}) {
        write_to(id, text);
        snapshots.push_back(snap(id));
    }
    launcher().delete_snapshot(caller(), snapshots.at(1));
    launcher().delete_snapshot(caller(), snapshots.at(0));
    EXPECT_THAT(content_of(create({.snapshot = snapshots.at(2)})), HasSubstr("thirdstate"));
    expect_refused("InvalidSnapshot.NotFound",
                   [&] { launcher().delete_snapshot(caller(), snapshots.at(0)); });
}

TEST_F(SnapshotsTest, a_snapshot_that_an_image_uses_is_not_deleted) {
    const SnapshotId id = image_now(golden()).block_devices.at(0).snapshot.value();
    expect_refused("InvalidSnapshot.InUse", [&] { launcher().delete_snapshot(caller(), id); });
    launcher().deregister_image(caller(), golden(), false);
    launcher().delete_snapshot(caller(), id);
    EXPECT_EQ(file_count(), 0U);
}

TEST_F(SnapshotsTest, a_shared_snapshot_makes_volumes_for_others_and_stays_its_owners) {
    make_account_of_stranger();
    const SnapshotId id = snap(create_empty());
    images::Caller other{.account = stranger().owner, .region = caller().region};
    const auto use = [&] {
        launcher().create_volume(other, {.zone = "local-1a", .snapshot = id});
        settle();
    };
    EXPECT_EQ(error_code_of(use), "InvalidSnapshot.NotFound");
    launcher().modify_snapshot_attribute(caller(), {.snapshot = id, .add = {other.account.str()}});
    EXPECT_EQ(error_code_of(use), "");
    EXPECT_EQ(error_code_of([&] { launcher().delete_snapshot(other, id); }),
              "InvalidSnapshot.NotFound");
    EXPECT_EQ(error_code_of([&] {
                  launcher().register_image(
                      other, {.name = "pinned",
                              .root_device_name = "/dev/sda1",
                              .block_devices = {{.device_name = "/dev/sda1", .snapshot = id}}});
              }),
              "UnsupportedOperation")
        << "its owner could not delete it any more";
    launcher().modify_snapshot_attribute(
        caller(), {.snapshot = id, .add = {"all"}, .remove = {other.account.str()}});
    EXPECT_EQ(error_code_of(use), "");
    launcher().modify_snapshot_attribute(caller(), {.snapshot = id, .remove = {"all"}});
    EXPECT_EQ(error_code_of(use), "InvalidSnapshot.NotFound");
    EXPECT_EQ(error_code_of([&] {
                  launcher().modify_snapshot_attribute(caller(), {.snapshot = id, .add = {"bob"}});
              }),
              "InvalidAttributeValue");
}

TEST_F(SnapshotsTest, an_image_of_several_volumes_launches_with_all_of_them) {
    const InstanceId instance = run_one();
    const VolumeId data = create_empty();
    attach(data, instance);
    const ImageId image = launcher().create_image(
        caller(),
        {.instance = instance,
         .name = "several",
         .no_reboot = true,
         .block_devices = {{.device_name = "/dev/sdf", .delete_on_termination = true},
                           {.device_name = "/dev/sdh", .volume_size = Bytes::gibibytes(7)}}});
    settle();
    auto wanted = request();
    wanted.image = image;
    const auto made = volumes(run_one(wanted));
    ASSERT_THAT(made, SizeIs(3));
    EXPECT_EQ(made.at(1).attachment->device_name, "/dev/sdf");
    EXPECT_TRUE(made.at(1).attachment->delete_on_termination);
    EXPECT_EQ(made.at(2).size, Bytes::gibibytes(7));
}

}  // namespace

}  // namespace kiln::tests
