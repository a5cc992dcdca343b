#include <gmock/gmock.h>

#include <thread>

#include "base/file.hpp"
#include "base/process.hpp"
#include "images/catalog/tag.hpp"
#include "images/layers/chain.hpp"
#include "launcher/instances/domain_plan.hpp"
#include "tests/integration/launcher/launcher_fixture.hpp"

namespace kiln::tests {

namespace {

using images::AttachmentState;
using images::ModificationState;
using images::SnapshotState;
using images::VolumeState;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class VolumesTest : public LauncherFixture {
  protected:
    images::Volume volume_now(const VolumeId& id) {
        return read([&](Session& session) { return images::find_volume(session, id).value(); });
    }
    bool is_deleted(const VolumeId& id) {
        return read([&](Session& session) { return !images::find_volume(session, id); });
    }
    images::Snapshot snapshot_now(const SnapshotId& id) {
        return read([&](Session& session) { return images::find_snapshot(session, id).value(); });
    }
    VolumeId create(launcher::CreateVolumeRequest wanted) {
        if (wanted.zone.empty()) wanted.zone = "local-1a";
        const VolumeId id = launcher().create_volume(caller(), wanted).id;
        settle();
        return id;
    }
    VolumeId create_empty() { return create({.size = Bytes::gibibytes(1)}); }
    void attach(const VolumeId& volume, const InstanceId& instance,
                const std::string& device = "/dev/sdf") {
        launcher().attach_volume(caller(),
                                 {.volume = volume, .instance = instance, .device_name = device});
        settle();
    }
    void detach(const VolumeId& volume) {
        launcher().detach_volume(caller(), {.volume = volume});
        settle();
    }
    SnapshotId snap(const VolumeId& volume) {
        const SnapshotId id = launcher().create_snapshot(caller(), {.volume = volume}).id;
        settle();
        return id;
    }
    void stop(const InstanceId& id) {
        launcher().stop_instances(caller(), {id}, false);
        settle();
    }
    bool guest_has(const InstanceId& instance, const VolumeId& volume) {
        return host().active_file(instance.str(), launcher::serial_of(volume)).has_value();
    }
    /// Writes a text at the beginning of a volume that nobody has.
    void write_to(const VolumeId& volume, const std::string& text) {
        const std::string file = directory() / "text";
        write_file_atomically(file, text + std::string(512 - text.size(), '.'), 0600);
        run_checked({.arguments = {"qemu-io", "-f", "qcow2", "-c", "write -q -s " + file + " 0 512",
                                   layer_file(volume)}});
    }
    std::string content_of(const VolumeId& volume) {
        return run_checked({.arguments = {"qemu-io", "-f", "qcow2", "-r", "-c", "read -v 0 32",
                                          layer_file(volume)}});
    }
    std::string layer_file(const VolumeId& volume) {
        return pool().path_of(volume_now(volume).layer.value()).string();
    }
    template <class Work>
    void expect_refused(const std::string& code, Work&& work) {
        const auto layers = layer_count();
        EXPECT_EQ(error_code_of(std::forward<Work>(work)), code);
        settle();
        EXPECT_EQ(open_operation_count(), 0U);
        EXPECT_EQ(layer_count(), layers);
    }
};

// Making and deleting.

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

// Snapshots.

TEST_F(VolumesTest, a_snapshot_of_a_guests_volume_freezes_its_top_and_the_guest_goes_on) {
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

TEST_F(VolumesTest, a_snapshot_that_fails_says_why_and_the_volume_stays_as_it_was) {
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

TEST_F(VolumesTest, a_snapshot_has_the_size_that_its_volume_has_when_it_is_taken) {
    const VolumeId id = create_empty();
    launcher().modify_volume(caller(), {.volume = id, .size = Bytes::gibibytes(5)});
    const SnapshotId snapshot = launcher().create_snapshot(caller(), {.volume = id}).id;
    settle();
    EXPECT_EQ(snapshot_now(snapshot).volume_size, Bytes::gibibytes(5));
}

TEST_F(VolumesTest, a_switch_that_libvirt_reports_as_failed_though_it_was_made_is_kept) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    const LayerId before = volume_now(id).layer.value();
    host().fail_after_next("snapshot_disks", Error("InternalError", "", "cannot save the status"));
    EXPECT_EQ(snapshot_now(snap(id)).state, SnapshotState::completed);
    EXPECT_NE(volume_now(id).layer, before);
    EXPECT_EQ(host().active_file(instance.str(), launcher::serial_of(id)),
              pool().path_of(volume_now(id).layer.value()));
}

TEST_F(VolumesTest, an_attachment_that_the_catalog_could_not_note_is_not_given_up) {
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

TEST_F(VolumesTest, an_instance_does_not_start_while_its_root_is_being_detached) {
    const InstanceId instance = run_one();
    stop(instance);
    const VolumeId root = volumes(instance).at(0).id;
    write([&](Session& session) {
        images::Volume changed = images::find_volume(session, root).value();
        changed.attachment->state = AttachmentState::detaching;
        images::update_volume(session, changed);
    });
    EXPECT_EQ(error_code_of([&] { launcher().start_instances(caller(), {instance}); }),
              "InvalidParameterValue");
}

TEST_F(VolumesTest, all_volumes_of_an_instance_are_kept_in_one_transaction) {
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

TEST_F(VolumesTest, deleting_any_snapshot_harms_no_later_one) {
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

// Chains.

class ChainTest : public VolumesTest {
  protected:
    std::size_t depth_of(const VolumeId& id) {
        return read([&](Session& session) {
            return images::layer_chain(session, images::find_volume(session, id)->layer.value())
                .size();
        });
    }
};

TEST_F(ChainTest, however_many_captures_there_are_each_keeps_its_state_and_none_is_deep) {
    const VolumeId id = create_empty();
    std::vector<SnapshotId> snapshots;
    for (int i = 0; i < 40; ++i) {
        write_to(id, "state" + std::to_string(100 + i));
        snapshots.push_back(snap(id));
        ASSERT_LE(depth_of(id), images::max_chain_depth);
    }
    for (const int i : {0, 7, 14, 15, 16, 30, 39}) {
        const VolumeId copy = create({.snapshot = snapshots.at(static_cast<std::size_t>(i))});
        EXPECT_THAT(content_of(copy), HasSubstr("state" + std::to_string(100 + i)));
        EXPECT_LE(depth_of(copy), images::max_chain_depth);
        launcher().delete_volume(caller(), copy);
    }
    settle();
    for (std::size_t i = 0; i + 1 < snapshots.size(); ++i)
        launcher().delete_snapshot(caller(), snapshots.at(i));
    EXPECT_LE(file_count(), images::max_chain_depth + 1) << "and the golden image's";
    EXPECT_THAT(content_of(create({.snapshot = snapshots.back()})), HasSubstr("state139"));
}

TEST_F(ChainTest, the_chain_of_a_running_guest_is_pulled_short_once_it_is_long) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    while (depth_of(id) < images::long_chain_depth)
        snap(id);
    EXPECT_THAT(host().calls(), Not(Contains("start_pull " + instance.str())));
    snap(id);
    EXPECT_THAT(host().calls(), Contains("start_pull " + instance.str()));
    EXPECT_LE(depth_of(id), images::short_chain_depth);
    EXPECT_EQ(pool().parent_of(volume_now(id).layer.value()), read([&](Session& session) {
                  return images::find_layer(session, volume_now(id).layer.value())->parent;
              }));
}

TEST_F(ChainTest, a_pull_gives_way_to_a_stop_and_leaves_the_chain_as_it_was) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    while (depth_of(id) < images::long_chain_depth)
        snap(id);
    host().hold_pulls();
    launcher().create_snapshot(caller(), {.volume = id});
    while (!host().is_pulling(instance.str(), launcher::serial_of(id)))
        std::this_thread::yield();

    stop(instance);
    EXPECT_THAT(host().calls(), Contains("cancel_pull " + instance.str()));
    EXPECT_EQ(state(instance), images::InstanceState::stopped);
    EXPECT_EQ(depth_of(id), images::long_chain_depth + 1);
    EXPECT_EQ(open_operation_count(), 0U);
}

TEST_F(ChainTest, a_volume_of_a_deep_image_shares_its_layers_until_it_is_captured) {
    const VolumeId id = create_empty();
    while (depth_of(id) < images::max_chain_depth)
        snap(id);
    const InstanceId instance = run_one();
    attach(id, instance);
    stop_service();
    start_service();
    EXPECT_THAT(host().calls(), Not(Contains("start_pull " + instance.str())));
    snap(id);
    EXPECT_THAT(host().calls(), Contains("start_pull " + instance.str()));
    EXPECT_LE(depth_of(id), images::max_chain_depth);
}

TEST_F(ChainTest, a_pull_without_effect_fails_the_capture_at_the_bound_and_says_so) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    while (depth_of(id) < images::max_chain_depth)
        snap(id);
    attach(id, instance);
    host().let_pulls_fail();
    const SnapshotId snapshot = snap(id);
    EXPECT_EQ(snapshot_now(snapshot).state, SnapshotState::error);
    EXPECT_THAT(snapshot_now(snapshot).state_message, HasSubstr("ended without effect"));
    EXPECT_EQ(depth_of(id), images::max_chain_depth);
}

TEST_F(ChainTest, a_pull_that_ended_while_no_service_ran_is_learned_of) {
    const InstanceId instance = run_one();
    const VolumeId id = volumes(instance).at(0).id;
    while (depth_of(id) < images::long_chain_depth)
        snap(id);
    const auto chain = read([&](Session& session) {
        return images::layer_chain(session, volume_now(id).layer.value());
    });
    stop_service();
    host().start_pull(instance.str(), launcher::serial_of(id), pool().path_of(chain.at(9).id));
    start_service();
    EXPECT_EQ(depth_of(id), 4U) << "the top, and three from the new base down";
}

TEST_F(VolumesTest, a_snapshot_that_an_image_uses_is_not_deleted) {
    const SnapshotId id = image_now(golden()).block_devices.at(0).snapshot.value();
    expect_refused("InvalidSnapshot.InUse", [&] { launcher().delete_snapshot(caller(), id); });
    launcher().deregister_image(caller(), golden(), false);
    launcher().delete_snapshot(caller(), id);
    EXPECT_EQ(file_count(), 0U);
}

TEST_F(VolumesTest, a_shared_snapshot_makes_volumes_for_others_and_stays_its_owners) {
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

TEST_F(VolumesTest, an_image_of_several_volumes_launches_with_all_of_them) {
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
