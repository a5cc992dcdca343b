#include "images/catalog/usage.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/integration/launcher/volumes_fixture.hpp"

namespace kiln::tests {

namespace {

using images::UsageKind;
using images::UsageRecord;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LaunchedUsageTest : public VolumesFixture {
  protected:
    /// The caller's records of one kind, but for the golden image's, oldest first.
    std::vector<UsageRecord> records(UsageKind kind) {
        auto found = read([&](Session& session) {
            return images::list_usage(
                session, caller().account,
                {.since = Time(), .until = SystemClock().now() + std::chrono::hours(1)});
        });
        std::erase_if(found, [&](const UsageRecord& record) {
            return record.usage.kind != kind || record.started == now();
        });
        return found;
    }
    /// "t3.micro running" or "t3.micro ended" for each of them.
    std::vector<std::string> told(UsageKind kind) {
        std::vector<std::string> texts;
        for (const UsageRecord& record : records(kind)) {
            texts.push_back(
                fmt::format("{} {}", record.usage.type, record.ended ? "ended" : "running"));
        }
        return texts;
    }
    std::vector<std::string> sizes_in_gibibytes(UsageKind kind) {
        std::vector<std::string> texts;
        for (const UsageRecord& record : records(kind)) {
            texts.push_back(fmt::format("{} {}", record.usage.size.in_gibibytes(),
                                        record.ended ? "ended" : "running"));
        }
        return texts;
    }
    void start(const InstanceId& id) {
        launcher().start_instances(caller(), {id});
        settle();
    }
    void terminate(const InstanceId& id) {
        launcher().terminate_instances(caller(), {id});
        settle();
    }
};

TEST_F(LaunchedUsageTest, every_run_of_an_instance_is_a_record) {
    const InstanceId id = run_one();
    EXPECT_THAT(told(UsageKind::instance), ElementsAre("t3.micro running"));

    stop(id);
    EXPECT_THAT(told(UsageKind::instance), ElementsAre("t3.micro ended"));
    EXPECT_THAT(told(UsageKind::volume), ElementsAre("gp3 running")) << "it is kept meanwhile";

    start(id);
    EXPECT_THAT(told(UsageKind::instance), ElementsAre("t3.micro ended", "t3.micro running"));

    terminate(id);
    EXPECT_THAT(told(UsageKind::instance), ElementsAre("t3.micro ended", "t3.micro ended"));
    EXPECT_THAT(told(UsageKind::volume), ElementsAre("gp3 ended"));
    for (const UsageRecord& record : records(UsageKind::instance)) {
        EXPECT_EQ(record.usage.resource_id, id.str());
        EXPECT_EQ(record.usage.owner, caller().account);
        EXPECT_EQ(record.usage.region, caller().region);
    }
}

TEST_F(LaunchedUsageTest, a_guest_that_powers_itself_off_is_not_charged_any_more) {
    const InstanceId id = run_one();
    host().guest_powers_off(id.str());
    settle();
    EXPECT_THAT(told(UsageKind::instance), ElementsAre("t3.micro ended"));
}

TEST_F(LaunchedUsageTest, a_failed_launch_is_not_charged_for_running) {
    host().fail_next("start_domain", Error("InternalError", "", "no KVM today"));
    const InstanceId id = run_one();
    ASSERT_EQ(state(id), images::InstanceState::terminated);
    EXPECT_THAT(told(UsageKind::instance), IsEmpty());
    EXPECT_THAT(told(UsageKind::volume), ElementsAre("gp3 ended"));
}

TEST_F(LaunchedUsageTest, a_start_that_fails_is_not_charged) {
    const InstanceId id = run_one();
    stop(id);
    host().fail_next("start_domain", Error("InternalError", "", "no KVM today"));
    start(id);
    EXPECT_THAT(told(UsageKind::instance), ElementsAre("t3.micro ended"));
}

TEST_F(LaunchedUsageTest, a_volume_that_grows_is_charged_by_each_of_its_sizes) {
    const VolumeId id = create_empty();
    EXPECT_THAT(sizes_in_gibibytes(UsageKind::volume), ElementsAre("1 running"));

    launcher().modify_volume(caller(), {.volume = id, .size = Bytes::gibibytes(3)});
    settle();
    EXPECT_THAT(sizes_in_gibibytes(UsageKind::volume), ElementsAre("1 ended", "3 running"));

    launcher().delete_volume(caller(), id);
    settle();
    EXPECT_THAT(sizes_in_gibibytes(UsageKind::volume), ElementsAre("1 ended", "3 ended"));
}

TEST_F(LaunchedUsageTest, attaching_and_detaching_changes_nothing_of_what_a_volume_costs) {
    const InstanceId instance = run_one();
    const VolumeId id = create_empty();
    attach(id, instance);
    detach(id);
    EXPECT_THAT(told(UsageKind::volume), ElementsAre("gp3 running", "gp3 running"));
}

TEST_F(LaunchedUsageTest, a_snapshot_is_charged_for_what_its_layer_occupies) {
    const VolumeId volume = create_empty();
    write_to(volume, "text");
    const SnapshotId id = snap(volume);

    const auto taken = records(UsageKind::snapshot);
    ASSERT_THAT(taken, SizeIs(1));
    EXPECT_EQ(taken[0].usage.resource_id, id.str());
    EXPECT_EQ(taken[0].usage.size, pool().allocated_size(snapshot_now(id).layer.value()));
    EXPECT_GT(taken[0].usage.size, Bytes());
    EXPECT_LT(taken[0].usage.size, Bytes::mebibytes(16)) << "and not for the volume's size";

    launcher().delete_snapshot(caller(), id);
    settle();
    EXPECT_THAT(told(UsageKind::snapshot), ElementsAre("snapshot ended"));
}

TEST_F(LaunchedUsageTest, snapshots_of_an_image_go_with_it_when_that_is_asked_for) {
    const InstanceId id = run_one();
    const ImageId image =
        launcher().create_image(caller(), {.instance = id, .name = "captured", .no_reboot = true});
    settle();
    EXPECT_THAT(told(UsageKind::snapshot), ElementsAre("snapshot running"));
    EXPECT_THAT(told(UsageKind::instance), ElementsAre("t3.micro running"));

    launcher().deregister_image(caller(), image, true);
    EXPECT_THAT(told(UsageKind::snapshot), ElementsAre("snapshot ended"));
}

TEST_F(LaunchedUsageTest, a_reboot_for_an_image_does_not_end_what_an_instance_is_charged_for) {
    const InstanceId id = run_one();
    launcher().create_image(caller(), {.instance = id, .name = "captured"});
    settle();
    EXPECT_THAT(told(UsageKind::instance), ElementsAre("t3.micro running"));
}

TEST_F(LaunchedUsageTest, a_dry_run_is_not_charged) {
    images::Caller dry = caller();
    dry.dry_run = true;
    EXPECT_EQ(error_code_of([&] { launcher().run_instances(dry, request()); }), "DryRunOperation");
    EXPECT_THAT(told(UsageKind::volume), IsEmpty());
}

TEST_F(LaunchedUsageTest, nothing_runs_on_when_everything_is_gone) {
    const InstanceId instance = run_one();
    const VolumeId volume = create_empty();
    attach(volume, instance);
    const SnapshotId kept = snap(volume);
    detach(volume);
    terminate(instance);
    launcher().delete_volume(caller(), volume);
    launcher().delete_snapshot(caller(), kept);
    launcher().deregister_image(caller(), golden(), true);
    settle();

    const auto all = read([&](Session& session) {
        return images::list_usage(
            session, caller().account,
            {.since = Time(), .until = SystemClock().now() + std::chrono::hours(1)});
    });
    EXPECT_THAT(all, SizeIs(5)) << "an instance, two volumes, two snapshots";
    for (const UsageRecord& record : all)
        EXPECT_TRUE(record.ended) << record.usage.resource_id;
}

}  // namespace

}  // namespace kiln::tests
