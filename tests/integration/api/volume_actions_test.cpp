#include <gmock/gmock.h>

#include "images/accounts/account.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class VolumeActionsTest : public ActionsTest {};

TEST_F(VolumeActionsTest, a_volume_is_made_attached_grown_detached_and_deleted) {
    const std::string id = launch();
    const Answer made = done("CreateVolume", {{"AvailabilityZone", "local-1a"},
                                              {"Size", "2"},
                                              {"TagSpecification.1.ResourceType", "volume"},
                                              {"TagSpecification.1.Tag.1.Key", "Name"},
                                              {"TagSpecification.1.Tag.1.Value", "data"}});
    const std::string volume = made.text("/CreateVolumeResponse/volumeId");
    EXPECT_EQ(made.text("//status"), "creating");
    EXPECT_EQ(made.text("//tagSet/item/value"), "data");
    settle();
    const Answer attached =
        done("AttachVolume", {{"VolumeId", volume}, {"InstanceId", id}, {"Device", "/dev/sdf"}});
    EXPECT_EQ(attached.text("/AttachVolumeResponse/status"), "attaching");
    settle();
    EXPECT_EQ(done("ModifyVolume", {{"VolumeId", volume}, {"Size", "3"}})
                  .text("//volumeModification/targetSize"),
              "3");
    settle();
    const Answer described = done("DescribeVolumes", {{"VolumeId.1", volume}});
    EXPECT_EQ(described.text("//volumeSet/item/size"), "3");
    EXPECT_EQ(described.text("//volumeSet/item/status"), "in-use");
    EXPECT_EQ(described.text("//chainDepth"), "1");
    EXPECT_EQ(described.text("//attachmentSet/item/status"), "attached");
    EXPECT_EQ(done("DetachVolume", {{"VolumeId", volume}}).text("//status"), "detaching");
    settle();
    done("DeleteVolume", {{"VolumeId", volume}});
    settle();
    EXPECT_EQ(send("DescribeVolumes", {{"VolumeId.1", volume}}).code, "InvalidVolume.NotFound");
    EXPECT_EQ(send("DescribeVolumesModifications", {{"VolumeId.1", root_volume()}}).code,
              "InvalidVolumeModification.NotFound");
}

TEST_F(VolumeActionsTest, encrypted_volumes_and_their_snapshots_say_so_and_with_which_key) {
    const Answer made = done("CreateVolume", {{"AvailabilityZone", "local-1a"},
                                              {"Size", "1"},
                                              {"Encrypted", "true"},
                                              {"KmsKeyId", "alias/aws/ebs"}});
    settle();
    const std::string volume = made.text("/CreateVolumeResponse/volumeId");
    const std::string key = made.text("//kmsKeyId");
    EXPECT_THAT(key, testing::MatchesRegex("arn:aws:kms:local-1:[0-9]{12}:key/[-0-9a-f]{36}"));
    const std::string snapshot =
        done("CreateSnapshot", {{"VolumeId", volume}}).text("/CreateSnapshotResponse/snapshotId");
    settle();
    const Answer described = done("DescribeSnapshots", {{"SnapshotId.1", snapshot}});
    EXPECT_EQ(described.text("//encrypted"), "true");
    EXPECT_EQ(described.text("//kmsKeyId"), key);
    for (const char* action : {"DescribeVolumes", "DescribeSnapshots"}) {
        const Answer encrypted =
            done(action, {{"Filter.1.Name", "encrypted"}, {"Filter.1.Value.1", "true"}});
        EXPECT_EQ(encrypted.texts("//kmsKeyId"), std::vector<std::string>{key}) << action;
    }
    const Answer refused =
        send("CopySnapshot",
             {{"SourceRegion", "local-1"}, {"SourceSnapshotId", snapshot}, {"Encrypted", "false"}});
    EXPECT_EQ(refused.code, "InvalidRequest");
}

TEST_F(VolumeActionsTest, permissions_of_a_snapshot_are_given_in_either_form_shown_and_reset) {
    const std::string id =
        done("CreateSnapshot", {{"VolumeId", new_volume()}, {"Description", "to share"}})
            .text("/CreateSnapshotResponse/snapshotId");
    settle();
    const auto permissions = [&](const char* element) {
        return done("DescribeSnapshotAttribute",
                    {{"SnapshotId", id}, {"Attribute", "createVolumePermission"}})
            .texts(std::string("//createVolumePermission/item/") + element);
    };
    done("ModifySnapshotAttribute", {{"SnapshotId", id},
                                     {"Attribute", "createVolumePermission"},
                                     {"OperationType", "add"},
                                     {"UserId.1", stranger().owner.str()},
                                     {"UserGroup.1", "all"}});
    EXPECT_THAT(permissions("userId"), ElementsAre(stranger().owner.str()));
    EXPECT_THAT(permissions("group"), ElementsAre("all"));
    done("ModifySnapshotAttribute",
         {{"SnapshotId", id}, {"CreateVolumePermission.Remove.1.Group", "all"}});
    EXPECT_THAT(permissions("group"), IsEmpty());
    const std::string third = "333333333333";
    write([&](Session& session) {
        images::insert_account(session,
                               {.id = AccountId(third), .name = "third", .created = now()});
    });
    done("ModifySnapshotAttribute",
         {{"SnapshotId", id}, {"CreateVolumePermission.Add.1.UserId", third}});
    EXPECT_THAT(done("DescribeSnapshots", {{"RestorableBy.1", third}}).texts("//snapshotId"),
                ElementsAre(id));
    EXPECT_EQ(
        send("ModifySnapshotAttribute", {{"SnapshotId", id}, {"UserId.1", "123456789012"}}).code,
        "MissingParameter");

    become_stranger();
    EXPECT_THAT(done("DescribeSnapshots").texts("//snapshotId"), ElementsAre(id));
    EXPECT_THAT(done("DescribeSnapshots", {{"Owner.1", "self"}}).texts("//snapshotId"), IsEmpty());
    EXPECT_THAT(done("DescribeSnapshots", {{"RestorableBy.1", "self"}}).texts("//snapshotId"),
                ElementsAre(id));
    EXPECT_THAT(done("DescribeSnapshots", {{"RestorableBy.1", third}}).texts("//snapshotId"),
                IsEmpty())
        << "with whom else it is shared, its owner alone knows";
    EXPECT_EQ(send("ResetSnapshotAttribute",
                   {{"SnapshotId", id}, {"Attribute", "createVolumePermission"}})
                  .code,
              "InvalidSnapshot.NotFound");
    become_owner();
    done("ResetSnapshotAttribute", {{"SnapshotId", id}, {"Attribute", "createVolumePermission"}});
    EXPECT_THAT(permissions("userId"), IsEmpty());
}

TEST_F(VolumeActionsTest, all_volumes_of_an_instance_are_answered_as_snapshots) {
    const std::string id = launch();
    const Answer made = done("CreateSnapshots", {{"InstanceSpecification.InstanceId", id},
                                                 {"Description", "at once"},
                                                 {"TagSpecification.1.ResourceType", "snapshot"},
                                                 {"TagSpecification.1.Tag.1.Key", "Set"},
                                                 {"TagSpecification.1.Tag.1.Value", "1"}});
    EXPECT_THAT(made.texts("//snapshotSet/item/state"), ElementsAre("pending"));
    EXPECT_THAT(made.texts("//tagSet/item/key"), ElementsAre("Set"));
    settle();
    EXPECT_EQ(
        done("DescribeSnapshots", {{"SnapshotId.1", made.text("//snapshotId")}}).text("//status"),
        "completed");
}

}  // namespace

}  // namespace kiln::api::tests
