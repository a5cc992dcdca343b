#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

namespace {

using images::AttachmentState;
using images::ModificationState;
using images::VolumeState;
using ::testing::Contains;
using ::testing::HasSubstr;

class VolumesTest : public VolumesFixture {};

// Making and deleting.

TEST_F(VolumesTest, a_volume_of_a_snapshot_that_is_no_whole_gibibyte_is_rounded_up) {
    const SnapshotId small = image_now(golden()).block_devices.at(0).snapshot.value();
    write([&](Session& session) {
        images::set_snapshot_size(session, small, Bytes::mebibytes(256));
    });
    const VolumeId id = create({.snapshot = small});
    EXPECT_EQ(volume_now(id).state, VolumeState::available);
    EXPECT_EQ(volume_now(id).size, Bytes::gibibytes(1));
}

TEST_F(VolumesTest, a_volume_is_made_empty_or_from_a_snapshot_and_may_be_larger) {
    const VolumeId empty = create({.size = Bytes::gibibytes(3)});
    EXPECT_EQ(volume_now(empty).state, VolumeState::available);
    EXPECT_EQ(pool().virtual_size(volume_now(empty).layer.value()), Bytes::gibibytes(3));
    write_to(empty, "thefirstone");

    const SnapshotId snapshot = snap(empty);
    const VolumeId same = create({.snapshot = snapshot});
    const VolumeId larger = create({.size = Bytes::gibibytes(5), .snapshot = snapshot});
    EXPECT_EQ(volume_now(same).size, Bytes::gibibytes(3));
    EXPECT_EQ(pool().virtual_size(volume_now(larger).layer.value()), Bytes::gibibytes(5));
    EXPECT_THAT(content_of(larger), HasSubstr("thefirstone"));
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(VolumesTest, a_volume_without_a_size_too_small_or_in_no_zone_is_refused) {
    const SnapshotId snapshot = snap(create({.size = Bytes::gibibytes(2)}));
    const auto creating = [&](launcher::CreateVolumeRequest wanted) {
        return [this, wanted] { launcher().create_volume(caller(), wanted); };
    };
    expect_refused("MissingParameter", creating({.zone = "local-1a"}));
    expect_refused("InvalidZone.NotFound",
                   creating({.zone = "mars-1a", .size = Bytes::gibibytes(1)}));
    expect_refused(
        "InvalidParameterValue",
        creating({.zone = "local-1a", .size = Bytes::gibibytes(1), .snapshot = snapshot}));
    expect_refused("InvalidParameterValue",
                   creating({.zone = "local-1a", .size = Bytes::gibibytes(16385)}));
    expect_refused("InvalidSnapshot.NotFound",
                   creating({.zone = "local-1a", .snapshot = SnapshotId::generate()}));
    expect_refused(
        "InvalidParameterValue",
        creating({.zone = "local-1a", .size = Bytes::gibibytes(1), .volume_type = "tape"}));
}

TEST_F(VolumesTest, the_same_request_with_one_token_makes_one_volume) {
    const launcher::CreateVolumeRequest wanted{
        .zone = "local-1a", .size = Bytes::gibibytes(1), .client_token = "once"};
    const VolumeId id = create(wanted);
    EXPECT_EQ(create(wanted), id);
    auto other = wanted;
    other.size = Bytes::gibibytes(2);
    expect_refused("IdempotentParameterMismatch",
                   [&] { launcher().create_volume(caller(), other); });
}

TEST_F(VolumesTest, a_volume_that_cannot_be_made_is_in_error_and_leaves_nothing) {
    const std::size_t files = file_count();
    const auto directory = pool().directory();
    std::filesystem::rename(directory, directory.string() + ".away");
    launcher::CreateVolumeRequest wanted{.zone = "local-1a", .size = Bytes::gibibytes(1)};
    EXPECT_EQ(error_code_of([&] { launcher().create_volume(caller(), wanted); }), "InternalError");
    std::filesystem::rename(directory.string() + ".away", directory);
    EXPECT_EQ(file_count(), files);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(VolumesTest, deleting_a_volume_frees_its_layer_and_keeps_its_snapshots) {
    const VolumeId id = create_empty();
    write_to(id, "kept");
    const SnapshotId snapshot = snap(id);
    const std::size_t files = file_count();
    launcher().delete_volume(caller(), id);
    settle();
    EXPECT_TRUE(is_deleted(id));
    EXPECT_EQ(file_count(), files - 1);
    EXPECT_THAT(content_of(create({.snapshot = snapshot})), HasSubstr("kept"));
    expect_refused("InvalidVolume.NotFound", [&] { launcher().delete_volume(caller(), id); });
}

TEST_F(VolumesTest, a_volume_that_an_instance_has_is_not_deleted) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    attach(id, instance);
    expect_refused("VolumeInUse", [&] { launcher().delete_volume(caller(), id); });
}

// Attaching and detaching.

TEST_F(VolumesTest, a_running_guest_is_given_a_volume_and_lets_it_go) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    attach(id, instance);
    EXPECT_TRUE(guest_has(instance, id));
    EXPECT_EQ(volume_now(id).state, VolumeState::in_use);
    EXPECT_EQ(volume_now(id).attachment->state, AttachmentState::attached);
    EXPECT_FALSE(volume_now(id).attachment->delete_on_termination);

    detach(id);
    EXPECT_FALSE(guest_has(instance, id));
    EXPECT_EQ(volume_now(id).state, VolumeState::available);
    EXPECT_FALSE(volume_now(id).attachment);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(VolumesTest, a_stopped_instance_boots_with_what_it_was_given) {
    const InstanceId instance = run_one();
    stop(instance);
    const VolumeId id = create_empty();
    attach(id, instance);
    EXPECT_EQ(volume_now(id).attachment->state, AttachmentState::attached);
    launcher().start_instances(caller(), {instance});
    settle();
    EXPECT_TRUE(guest_has(instance, id));
    EXPECT_EQ(host().spec(instance.str()).disks.at(1).target, "vdb");
}

TEST_F(VolumesTest, a_guest_that_cannot_be_given_a_volume_leaves_it_available) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    host().fail_next("attach_disk", Error("InternalError", "", "no slot is left"));
    attach(id, instance);
    EXPECT_EQ(volume_now(id).state, VolumeState::available);
    EXPECT_FALSE(volume_now(id).attachment);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(VolumesTest, a_volume_is_detaching_until_the_guest_lets_it_go) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    attach(id, instance);
    host().keep_disks(true);
    detach(id);
    EXPECT_EQ(volume_now(id).attachment->state, AttachmentState::detaching);
    EXPECT_EQ(error_code_of([&] { launcher().detach_volume(caller(), {.volume = id}); }),
              "IncorrectState");

    host().keep_disks(false);
    launcher().detach_volume(caller(), {.volume = id, .force = true});
    settle();
    EXPECT_EQ(volume_now(id).state, VolumeState::available);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(VolumesTest, what_a_crash_cut_off_is_done_at_the_next_start) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    attach(id, instance);
    host().keep_disks(true);
    detach(id);
    stop_service();
    host().keep_disks(false);
    start_service();
    EXPECT_EQ(volume_now(id).state, VolumeState::available);
    EXPECT_FALSE(guest_has(instance, id));
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(VolumesTest, an_attachment_that_cannot_be_is_refused) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    const auto attaching = [&](const VolumeId& volume, const InstanceId& to,
                               const std::string& device) {
        return [this, volume, to, device] {
            launcher().attach_volume(caller(),
                                     {.volume = volume, .instance = to, .device_name = device});
        };
    };
    expect_refused("InvalidDevice.InUse", attaching(id, instance, "/dev/sda1"));
    expect_refused("InvalidParameterValue", attaching(id, instance, "disk two"));
    expect_refused("InvalidInstanceID.NotFound", attaching(id, InstanceId::generate(), "/dev/sdf"));
    expect_refused("InvalidVolume.NotFound", attaching(VolumeId::generate(), instance, "/dev/sdf"));
    const VolumeId elsewhere = create({.zone = "local-1b", .size = Bytes::gibibytes(1)});
    expect_refused("InvalidVolume.ZoneMismatch", attaching(elsewhere, instance, "/dev/sdf"));
    attach(id, instance);
    expect_refused("VolumeInUse", attaching(id, instance, "/dev/sdg"));
    const InstanceId gone = run_one();
    launcher().terminate_instances(caller(), {gone});
    settle();
    expect_refused("IncorrectState", attaching(create_empty(), gone, "/dev/sdf"));
}

TEST_F(VolumesTest, a_running_guest_without_a_free_slot_is_given_no_volume_but_a_stopped_one_is) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    host().set_free_disk_slots(0);
    expect_refused("AttachmentLimitExceeded", [&] {
        launcher().attach_volume(caller(),
                                 {.volume = id, .instance = instance, .device_name = "/dev/sdf"});
    });
    stop(instance);
    attach(id, instance);
    EXPECT_EQ(volume_now(id).attachment->state, AttachmentState::attached);
}

TEST_F(VolumesTest, a_detachment_that_cannot_be_is_refused) {
    const InstanceId instance = run_one();
    const VolumeId root = volumes(instance).at(0).id;
    const VolumeId id = create_empty();
    const auto detaching = [&](const launcher::DetachVolumeRequest& wanted) {
        return [this, wanted] { launcher().detach_volume(caller(), wanted); };
    };
    expect_refused("IncorrectState", detaching({.volume = id}));
    expect_refused("OperationNotPermitted", detaching({.volume = root}));
    attach(id, instance);
    expect_refused("InvalidAttachment.NotFound",
                   detaching({.volume = id, .instance = InstanceId::generate()}));
    expect_refused("InvalidAttachment.NotFound",
                   detaching({.volume = id, .device_name = "/dev/sdz"}));
}

TEST_F(VolumesTest, a_root_is_swapped_while_the_instance_is_stopped) {
    const InstanceId instance = run_one();
    stop(instance);
    const VolumeId old_root = volumes(instance).at(0).id;
    const VolumeId new_root = create({.snapshot = snap(old_root)});
    detach(old_root);
    EXPECT_EQ(error_code_of([&] { launcher().start_instances(caller(), {instance}); }),
              "InvalidParameterValue")
        << "there is nothing to boot from";
    attach(new_root, instance, "/dev/sda1");
    launcher().start_instances(caller(), {instance});
    settle();
    EXPECT_EQ(host().spec(instance.str()).disks.at(0).serial, launcher::serial_of(new_root));
}

TEST_F(VolumesTest, terminating_keeps_attached_volumes_unless_they_are_to_go_with_it) {
    const InstanceId instance = run_one();
    const VolumeId stays = create_empty();
    const VolumeId goes = create_empty();
    attach(stays, instance, "/dev/sdf");
    attach(goes, instance, "/dev/sdg");
    launcher().modify_instance_attribute(
        caller(), {.instance = instance,
                   .block_devices = {{.device_name = "/dev/sdg", .delete_on_termination = true}}});
    host().keep_disks(true);
    detach(goes);  // and the guest ends before it lets go
    launcher().terminate_instances(caller(), {instance});
    settle();
    EXPECT_EQ(volume_now(stays).state, VolumeState::available);
    EXPECT_TRUE(is_deleted(goes));
    start_service();
    EXPECT_EQ(open_operation_count(), 0U) << "nothing waits for a volume that is gone";
}

// Growing.

TEST_F(VolumesTest, a_volume_grows_detached_attached_and_with_its_snapshots_unchanged) {
    const VolumeId id = create_empty();
    const SnapshotId before = snap(id);
    const auto modified = [&](std::uint64_t size) {
        launcher().modify_volume(caller(), {.volume = id, .size = Bytes::gibibytes(size)});
        settle();
        return read([&](Session& session) {
            return images::find_volume_modification(session, id).value();
        });
    };
    const auto offline = modified(2);
    EXPECT_EQ(offline.state, ModificationState::completed);
    EXPECT_EQ(offline.original_size, Bytes::gibibytes(1));
    EXPECT_EQ(pool().virtual_size(volume_now(id).layer.value()), Bytes::gibibytes(2));

    const InstanceId instance = run_one();
    attach(id, instance);
    EXPECT_EQ(modified(4).state, ModificationState::completed);
    EXPECT_EQ(volume_now(id).size, Bytes::gibibytes(4));
    EXPECT_THAT(host().calls(), Contains("resize_disk " + instance.str()));
    EXPECT_EQ(snapshot_now(before).volume_size, Bytes::gibibytes(1));
    EXPECT_EQ(snapshot_now(snap(id)).volume_size, Bytes::gibibytes(4));

    host().fail_next("resize_disk", Error("InternalError", "", "the disk is full"));
    const auto failed = modified(5);
    EXPECT_EQ(failed.state, ModificationState::failed);
    EXPECT_EQ(failed.status_message, "the disk is full");
    EXPECT_EQ(volume_now(id).size, Bytes::gibibytes(4));
}

TEST_F(VolumesTest, a_volume_does_not_shrink_and_changes_its_type_at_once) {
    const VolumeId id = create({.size = Bytes::gibibytes(2)});
    expect_refused("InvalidParameterValue", [&] {
        launcher().modify_volume(caller(), {.volume = id, .size = Bytes::gibibytes(1)});
    });
    expect_refused("MissingParameter", [&] { launcher().modify_volume(caller(), {.volume = id}); });
    launcher().modify_volume(caller(), {.volume = id, .volume_type = "io2"});
    settle();
    EXPECT_EQ(volume_now(id).volume_type, "io2");
}

}  // namespace

}  // namespace kiln::tests
