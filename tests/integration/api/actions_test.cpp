#include <gmock/gmock.h>

#include <set>

#include "base/text.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* public_key =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdQCeKQ2PrfdqYUsEZrS3BHtZ7UzhBYLPIQ1J5XQ8MX a@b";

// Filters, on every Describe that has them: a text with a wildcard that finds all there is, and
// one that finds nothing.

struct FilterCase {
    const char* action;
    const char* name;
    const char* matching;
    const char* other;
    const char* items;  // XPath of what is counted
};
class EveryDescribe : public ActionsTest, public testing::WithParamInterface<FilterCase> {};

TEST_P(EveryDescribe, keeps_what_its_filter_matches) {
    const FilterCase& wanted = GetParam();
    done("ImportKeyPair", {{"KeyName", "mine"}, {"PublicKeyMaterial", base64_encode(public_key)}});
    const std::string id = launch({{"KeyName", "mine"}});
    done("CreateTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Env"}, {"Tag.1.Value", "prod"}});
    done("ModifyVolume", {{"VolumeId", root_volume()}, {"Size", "3"}});
    settle();
    const std::size_t all = done(wanted.action).texts(wanted.items).size();
    ASSERT_GT(all, 0U);

    const auto filtered = [&](const char* value) {
        return done(wanted.action, {{"Filter.1.Name", wanted.name}, {"Filter.1.Value.1", value}})
            .texts(wanted.items)
            .size();
    };
    EXPECT_GT(filtered(wanted.matching), 0U);
    EXPECT_EQ(filtered(wanted.other), 0U);
    EXPECT_EQ(filtered("*"), all);
    EXPECT_EQ(send(wanted.action, {{"Filter.1.Name", "nonsense"}, {"Filter.1.Value.1", "x"}}).code,
              "InvalidParameterValue");
}

INSTANTIATE_TEST_SUITE_P(
    table, EveryDescribe,
    testing::Values(
        FilterCase{"DescribeRegions", "region-name", "local-?", "mars", "//regionInfo/item"},
        FilterCase{"DescribeAvailabilityZones", "zone-name", "*-1b", "moon",
                   "//availabilityZoneInfo/item"},
        FilterCase{"DescribeImages", "name", "gold*", "silver", "//imagesSet/item"},
        FilterCase{"DescribeInstances", "instance-type", "t3.*", "m5.*", "//instancesSet/item"},
        FilterCase{"DescribeInstanceStatus", "instance-state-name", "runn*", "stopped",
                   "//instanceStatusSet/item"},
        FilterCase{"DescribeInstanceTypes", "instance-type", "t3.m*", "x9.*",
                   "//instanceTypeSet/item"},
        FilterCase{"DescribeKeyPairs", "key-name", "m?ne", "yours", "//keySet/item"},
        FilterCase{"DescribeSnapshots", "volume-size", "1", "2", "//snapshotSet/item"},
        FilterCase{"DescribeTags", "key", "E*", "Name", "//tagSet/item"},
        FilterCase{"DescribeVolumesModifications", "target-size", "3", "4",
                   "//volumeModificationSet/item"},
        FilterCase{"DescribeVolumes", "attachment.device", "/dev/*1", "/dev/sdb",
                   "//volumeSet/item"}),
    [](const auto& test) { return test.param.action; });

TEST_F(ActionsTest, tags_filter_what_carries_them) {
    const std::string id = launch();
    launch();
    done("CreateTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Env"}, {"Tag.1.Value", "prod"}});
    EXPECT_THAT(
        done("DescribeInstances", {{"Filter.1.Name", "tag:Env"}, {"Filter.1.Value.1", "p*d"}})
            .texts("//instancesSet/item/instanceId"),
        ElementsAre(id));
}

// Pages, on every Describe that has them: five, then the sixth.

struct PageCase {
    const char* action;
    const char* items;
};
class EveryPagedDescribe : public ActionsTest, public testing::WithParamInterface<PageCase> {};

TEST_P(EveryPagedDescribe, gives_each_item_once_over_its_pages) {
    constexpr int count = 6;
    for (int i = 0; i < count; ++i) {
        const std::string id = launch();
        done("CreateTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Name"}, {"Tag.1.Value", "n"}});
        insert_image("image-" + std::to_string(i));
        done("ModifyVolume", {{"VolumeId", new_volume()}, {"VolumeType", "io2"}});
        insert_store_task();
        settle();
    }
    std::set<std::string> seen;
    std::size_t total = 0;
    WirePairs pairs{{"MaxResults", "5"}};
    std::string token;
    do {
        const Answer page = done(GetParam().action, pairs);
        const auto ids = page.texts(GetParam().items);
        ASSERT_LE(ids.size(), 5U);
        ASSERT_GT(ids.size(), 0U);
        seen.insert(ids.begin(), ids.end());
        total += ids.size();
        token = page.text("//nextToken");
        pairs = {{"MaxResults", "5"}, {"NextToken", token}};
    } while (!token.empty());

    EXPECT_EQ(seen.size(), total) << "none twice";
    EXPECT_EQ(total, done(GetParam().action).texts(GetParam().items).size());
    EXPECT_GT(total, 5U);
}

INSTANTIATE_TEST_SUITE_P(
    table, EveryPagedDescribe,
    testing::Values(PageCase{"DescribeImages", "//imagesSet/item/imageId"},
                    PageCase{"DescribeInstances", "//reservationSet/item/reservationId"},
                    PageCase{"DescribeInstanceStatus", "//instanceStatusSet/item/instanceId"},
                    PageCase{"DescribeInstanceTypes", "//instanceTypeSet/item/instanceType"},
                    PageCase{"DescribeSnapshots", "//snapshotSet/item/snapshotId"},
                    PageCase{"DescribeStoreImageTasks", "//storeImageTaskResultSet/item/amiId"},
                    PageCase{"DescribeTags", "//tagSet/item/resourceId"},
                    PageCase{"DescribeVolumes", "//volumeSet/item/volumeId"},
                    PageCase{"DescribeVolumesModifications",
                             "//volumeModificationSet/item/volumeId"}),
    [](const auto& test) { return test.param.action; });

// DryRun, on every action that has it.

TEST_F(ActionsTest, a_dry_run_of_any_action_says_that_it_would_be_done_and_does_nothing) {
    done("ImportKeyPair", {{"KeyName", "mine"}, {"PublicKeyMaterial", base64_encode(public_key)}});
    const std::string id = launch();
    const std::string stopped = launch();
    stop(stopped);
    const std::string own_image = insert_image("other").str();
    done("CreateTags", {{"ResourceId.1", id}, {"Tag.1.Key", "a"}, {"Tag.1.Value", "b"}});
    const std::string attached = new_volume();
    done("AttachVolume", {{"VolumeId", attached}, {"InstanceId", stopped}, {"Device", "/dev/sdf"}});
    const std::string detached = new_volume();
    const std::string free_snapshot =
        done("CreateSnapshot", {{"VolumeId", detached}}).text("//snapshotId");
    done("CreateRegion", {{"Name", "local-2"}});
    const std::string group = new_group("web");
    host().offer_bridges();
    settings().public_addresses = {{.address = {.bits = 0xc0000207}},
                                   {.address = {.bits = 0xc0000208}}};
    const std::string address = done("AllocateAddress").text("//allocationId");
    const std::string bridged = launch();
    done("AuthorizeSecurityGroupIngress", rule_pairs(group, "tcp", "22", "10.0.0.0/8"));
    settle();
    const std::string task = insert_bundle_task();
    write_bundle("mine");
    const std::string stored = write_stored_image();
    const std::string account =
        done("CreateAccount", {{"AccountName", "lab"}}).text("/CreateAccountResponse/id");
    const std::string closed =
        done("CreateAccount", {{"AccountName", "closed"}}).text("/CreateAccountResponse/id");
    done("CloseAccount", {{"AccountId", closed}});
    const std::string unit =
        done("CreateOrganizationalUnit", {{"Name", "school"}}).text("//arn/../id");
    const std::string access_key = done("CreateAccessKey").text("//accessKeyId");
    const std::string product =
        done("CreateProduct", {{"Name", "web"}, {"HourlyRate", "1"}}).text("//productCode");
    const std::string bought =
        done("CreateProduct", {{"Name", "mail"}, {"HourlyRate", "1"}}).text("//productCode");
    done("Subscribe", {{"ProductCode", bought}, {"AcceptTerms", "true"}});
    const std::string shared = insert_shared_image();
    const std::string upload = done("CreateUpload", {{"Size", "6"}}).text("//uploadId");
    done("SetImageAlias", {{"Alias", "golden"}, {"ImageId", golden().str()}});
    const WirePairs image_pairs{{"ImageId", own_image}};
    const WirePairs unit_pairs{{"OrganizationalUnitId", unit}, {"Name", "academy"}};
    const std::map<std::string, WirePairs> requests{
        {"CancelImageLaunchPermission", {{"ImageId", shared}}},
        {"CloseAccount", {{"AccountId", account}}},
        {"ReopenAccount", {{"AccountId", closed}}},
        {"ConfirmProductInstance", {{"InstanceId", id}, {"ProductCode", product}}},
        {"CreateAccount", {{"AccountName", "another"}}},
        {"CreateOrganizationalUnit", {{"Name", "club"}}},
        {"CreateProduct", {{"Name", "another"}, {"HourlyRate", "1"}}},
        {"ModifyProduct", {{"ProductCode", product}, {"HourlyRate", "2"}}},
        {"Subscribe", {{"ProductCode", product}, {"AcceptTerms", "true"}}},
        {"Unsubscribe", {{"ProductCode", bought}}},
        {"DeleteAccessKey", {{"AccessKeyId", access_key}}},
        {"UpdateAccessKey", {{"AccessKeyId", access_key}, {"Status", "Inactive"}}},
        {"DeleteOrganizationalUnit", {{"OrganizationalUnitId", unit}}},
        {"UpdateOrganizationalUnit", unit_pairs},
        {"DescribeImageAttribute", {{"ImageId", own_image}, {"Attribute", "launchPermission"}}},
        {"DisableImage", image_pairs},
        {"EnableImage", image_pairs},
        {"DisableImageDeprecation", image_pairs},
        {"EnableImageDeprecation",
         {{"ImageId", own_image}, {"DeprecateAt", "2032-01-01T00:00:00Z"}}},
        {"DisableImageDeregistrationProtection", image_pairs},
        {"EnableImageDeregistrationProtection", image_pairs},
        {"EnableAllowedImagesSettings", {{"AllowedImagesSettingsState", "enabled"}}},
        {"EnableImageBlockPublicAccess", {{"ImageBlockPublicAccessState", "block-new-sharing"}}},
        {"MapUsers", {{"AccountId", account}, {"Uid.1", "1001"}}},
        {"ModifyAccountQuotas", {{"AccountId", account}, {"Images", "1"}}},
        {"ModifyImageAttribute", {{"ImageId", own_image}, {"LaunchPermission.Add.1.Group", "all"}}},
        {"MoveAccount", {{"AccountId", account}, {"DestinationParentId", unit}}},
        {"RenameAccount", {{"AccountId", account}, {"AccountName", "shed"}}},
        {"ResetImageAttribute", {{"ImageId", own_image}, {"Attribute", "launchPermission"}}},
        {"AssociateAddress", {{"AllocationId", address}, {"InstanceId", bridged}}},
        {"DisassociateAddress", {{"PublicIp", "192.0.2.7"}}},
        {"ReleaseAddress", {{"AllocationId", address}}},
        {"AuthorizeSecurityGroupEgress", rule_pairs(group, "tcp", "80", "10.0.0.0/8")},
        {"AuthorizeSecurityGroupIngress", rule_pairs(group, "tcp", "80", "10.0.0.0/8")},
        {"CreateSecurityGroup", {{"GroupName", "other"}, {"GroupDescription", "another"}}},
        {"DeleteSecurityGroup", {{"GroupId", group}}},
        {"ModifyInstanceMetadataOptions", {{"InstanceId", id}, {"HttpTokens", "required"}}},
        {"RevokeSecurityGroupEgress",
         {{"GroupId", group},
          {"IpPermissions.1.IpProtocol", "-1"},
          {"IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"}}},
        {"RevokeSecurityGroupIngress", rule_pairs(group, "tcp", "22", "10.0.0.0/8")},
        {"BundleInstance",
         {{"InstanceId", id}, {"Storage.S3.Bucket", "bundles"}, {"Storage.S3.Prefix", "other"}}},
        {"CancelBundleTask", {{"BundleId", task}}},
        {"DeleteBundle", {{"ImageLocation", "bundles/mine.manifest.xml"}}},
        {"CreateRegion", {{"Name", "local-3"}}},
        {"DeleteRegion", {{"Name", "local-2"}}},
        {"AttachVolume", {{"VolumeId", detached}, {"InstanceId", stopped}, {"Device", "/dev/sdg"}}},
        {"ConvertImage",
         {{"ImageId", golden().str()},
          {"Name", "converted"},
          {"Storage.S3.Bucket", "bundles"},
          {"Storage.S3.Prefix", "converted"}}},
        {"CopyImage",
         {{"SourceRegion", "local-1"}, {"SourceImageId", golden().str()}, {"Name", "copied"}}},
        {"CopySnapshot", {{"SourceRegion", "local-1"}, {"SourceSnapshotId", free_snapshot}}},
        {"CreateRestoreImageTask", {{"Bucket", "bundles"}, {"ObjectKey", stored}}},
        {"CreateSnapshot", {{"VolumeId", detached}}},
        {"CreateStoreImageTask", {{"ImageId", own_image}, {"Bucket", "bundles"}}},
        {"DeleteStoredImage", {{"Bucket", "bundles"}, {"ObjectKey", stored}}},
        {"CreateSnapshots", {{"InstanceSpecification.InstanceId", id}}},
        {"CreateVolume", {{"AvailabilityZone", "local-1a"}, {"Size", "1"}}},
        {"DeleteSnapshot", {{"SnapshotId", free_snapshot}}},
        {"DeleteVolume", {{"VolumeId", detached}}},
        {"DescribeSnapshotAttribute",
         {{"SnapshotId", free_snapshot}, {"Attribute", "createVolumePermission"}}},
        {"DescribeVolumeAttribute", {{"VolumeId", detached}, {"Attribute", "autoEnableIO"}}},
        {"DetachVolume", {{"VolumeId", attached}}},
        {"ModifySnapshotAttribute",
         {{"SnapshotId", free_snapshot}, {"CreateVolumePermission.Add.1.Group", "all"}}},
        {"ModifyVolume", {{"VolumeId", detached}, {"Size", "9"}}},
        {"ResetSnapshotAttribute",
         {{"SnapshotId", free_snapshot}, {"Attribute", "createVolumePermission"}}},
        {"BuildImage", {{"Recipe", "tiny"}, {"Name", "built"}}},
        {"CreateUpload", {{"Size", "6"}}},
        {"DeleteUpload", {{"UploadId", upload}}},
        {"ImportImage", {{"DiskContainer.1.Url", "https://example.com/disk"}}},
        {"ImportSnapshot", {{"DiskContainer.Url", "https://example.com/disk"}}},
        {"CancelImportTask", {{"ImportTaskId", insert_import_task()}}},
        {"GetImageBuildPlan", {{"Recipe", "tiny"}}},
        {"CompareImages", {{"FromImageId", own_image}, {"ToImageId", golden().str()}}},
        {"DescribeImageFamily", {{"ImageId", own_image}}},
        {"GetImageAncestry", {{"ImageId", own_image}}},
        {"SetImageAlias", {{"Alias", "web"}, {"ImageId", own_image}}},
        {"DeleteImageAlias", {{"Alias", "golden"}}},
        {"ExportImage", {{"ImageId", own_image}, {"DiskImageFormat", "VMDK"}}},
        {"CancelExportTask",
         {{"ExportTaskId", insert_export_task(images::ExportTaskState::active)}}},
        {"DeleteExportedImage",
         {{"ExportImageTaskId", insert_export_task(images::ExportTaskState::completed)}}},
        {"CreateImage", {{"InstanceId", id}, {"Name", "captured"}}},
        {"CreateKeyPair", {{"KeyName", "another"}}},
        {"CreateLaunchTemplate",
         {{"LaunchTemplateName", "another"}, {"LaunchTemplateData.InstanceType", "t3.micro"}}},
        {"CreateLaunchTemplateVersion",
         {{"LaunchTemplateName", "web"}, {"LaunchTemplateData.InstanceType", "t3.micro"}}},
        {"DeleteLaunchTemplate", {{"LaunchTemplateName", "web"}}},
        {"DeleteLaunchTemplateVersions",
         {{"LaunchTemplateName", "web"}, {"LaunchTemplateVersion.1", "2"}}},
        {"DescribeImageReferences",
         {{"ImageId.1", own_image}, {"IncludeAllResourceTypes", "true"}}},
        {"DescribeLaunchTemplateVersions", {{"LaunchTemplateName", "web"}}},
        {"GetLaunchTemplateData", {{"InstanceId", id}}},
        {"ModifyLaunchTemplate", {{"LaunchTemplateName", "web"}, {"SetDefaultVersion", "1"}}},
        {"CreateTags", {{"ResourceId.1", id}, {"Tag.1.Key", "c"}, {"Tag.1.Value", "d"}}},
        {"DeleteKeyPair", {{"KeyName", "mine"}}},
        {"DeleteTags", {{"ResourceId.1", id}, {"Tag.1.Key", "a"}}},
        {"DeregisterImage", {{"ImageId", own_image}}},
        {"DescribeInstanceAttribute", {{"InstanceId", id}, {"Attribute", "userData"}}},
        {"GetConsoleOutput", {{"InstanceId", id}}},
        {"GetInstanceUefiData", {{"InstanceId", id}}},
        {"GetPasswordData", {{"InstanceId", id}}},
        {"InspectImage", {{"ImageId", own_image}}},
        {"SealImage", {{"ImageId", own_image}, {"Name", "sealed"}}},
        {"GetConsoleScreenshot", {{"InstanceId", id}}},
        {"DescribeInstanceConnection", {{"InstanceId", id}}},
        {"ImportKeyPair", {{"KeyName", "k2"}, {"PublicKeyMaterial", base64_encode(public_key)}}},
        {"ModifyInstanceAttribute", {{"InstanceId", stopped}, {"InstanceType.Value", "t3.large"}}},
        {"RebootInstances", {{"InstanceId.1", id}}},
        {"RegisterImage",
         {{"Name", "registered"},
          {"RootDeviceName", "/dev/xvda"},
          {"BlockDeviceMapping.1.DeviceName", "/dev/xvda"},
          {"BlockDeviceMapping.1.Ebs.SnapshotId", root_snapshot()}}},
        {"RunInstances", {{"ImageId", golden().str()}, {"MinCount", "1"}, {"MaxCount", "1"}}},
        {"StartInstances", {{"InstanceId.1", stopped}}},
        {"StopInstances", {{"InstanceId.1", id}}},
        {"TerminateInstances", {{"InstanceId.1", id}}},
    };
    done("CreateLaunchTemplate",
         {{"LaunchTemplateName", "web"}, {"LaunchTemplateData.InstanceType", "t3.micro"}});
    const auto everything = [&] {
        std::string text;
        for (const char* action : {"DescribeImages",
                                   "DescribeExportImageTasks",
                                   "DescribeInstances",
                                   "DescribeKeyPairs",
                                   "DescribeRegions",
                                   "DescribeLaunchTemplates",
                                   "ListAccounts",
                                   "ListAccessKeys",
                                   "ListOrganizationalUnits",
                                   "DescribeImportImageTasks",
                                   "DescribeUploads",
                                   "DescribeProducts",
                                   "DescribeSubscriptions",
                                   "GetAllowedImagesSettings",
                                   "GetImageBlockPublicAccessState",
                                   "DescribeAccountQuotas",
                                   "DescribeSecurityGroups",
                                   "DescribeSecurityGroupRules",
                                   "DescribeAddresses",
                                   "DescribeSnapshots",
                                   "DescribeTags",
                                   "DescribeVolumes",
                                   "DescribeVolumesModifications"}) {
            Answer answer = done(action);
            answer.root().remove_child("requestId");
            text += answer.printed();
        }
        return text;
    };
    const std::string before = everything();
    const auto calls = host().calls();

    for (const Action& action : actions()) {
        const bool has_dry_run = std::ranges::any_of(
            action.parameters, [](const Parameter& p) { return p.wire == "DryRun"; });
        if (!has_dry_run || action.answers_dry_run) continue;
        if (action.name == "CancelImageBuild") continue;    // there is no build
        if (action.name == "GetSessionToken") continue;     // for requests that are signed
        if (action.name == "GetInstanceProfile") continue;  // there is none
        const auto found = requests.find(action.name);
        WirePairs pairs = found == requests.end() ? WirePairs{} : found->second;
        pairs.emplace_back("DryRun", "true");
        const Answer answer = send(action.name, pairs);
        EXPECT_EQ(answer.code, "DryRunOperation") << action.name << "\n" << answer.printed();
        EXPECT_EQ(answer.status, 412U) << action.name;
    }

    settle();
    EXPECT_EQ(everything(), before);
    EXPECT_EQ(host().calls(), calls);
    EXPECT_EQ(open_operation_count(), 0U);
}

// Images of snapshots.

TEST_F(ActionsTest, an_image_of_a_snapshot_has_its_size_and_logs_in_as_its_first_image_did) {
    const Answer answer =
        done("RegisterImage", {{"Name", "registered"},
                               {"Description", "of a snapshot"},
                               {"Architecture", "x86_64"},
                               {"VirtualizationType", "hvm"},
                               {"BootMode", "uefi"},
                               {"ImdsSupport", "v2.0"},
                               {"RootDeviceName", "/dev/xvda"},
                               {"BlockDeviceMapping.1.DeviceName", "/dev/xvda"},
                               {"BlockDeviceMapping.1.Ebs.SnapshotId", root_snapshot()}});
    const std::string id = answer.text("//imageId");

    const Answer described = done("DescribeImages", {{"ImageId.1", id}});
    EXPECT_EQ(described.text("//imageState"), "available");
    EXPECT_EQ(described.text("//bootMode"), "uefi");
    EXPECT_EQ(described.text("//imdsSupport"), "v2.0");
    EXPECT_EQ(described.text("//ebs/volumeSize"), "1");
    EXPECT_EQ(described.text("//ebs/deleteOnTermination"), "true");
    EXPECT_EQ(image_now(ImageId(id)).login_user, "admin");
    EXPECT_EQ(send("RegisterImage", {{"Name", "registered"}, {"RootDeviceName", "/dev/xvda"}}).code,
              "MissingParameter")
        << "an image needs its devices";
}

TEST_F(ActionsTest, an_image_whose_name_is_taken_or_whose_snapshot_is_unknown_is_not_registered) {
    const auto registration = [&](const char* name, const std::string& snapshot) {
        return send("RegisterImage", {{"Name", name},
                                      {"RootDeviceName", "/dev/xvda"},
                                      {"BlockDeviceMapping.1.DeviceName", "/dev/xvda"},
                                      {"BlockDeviceMapping.1.Ebs.SnapshotId", snapshot}})
            .code;
    };
    EXPECT_EQ(registration("golden", root_snapshot()), "InvalidAMIName.Duplicate");
    EXPECT_EQ(registration("a?", root_snapshot()), "InvalidAMIName.Malformed");
    EXPECT_EQ(registration("new", "snap-0123456789abcdef0"), "InvalidSnapshot.NotFound");
}

TEST_F(ActionsTest, a_volume_smaller_than_its_snapshot_is_refused_and_one_without_a_size_has_its) {
    const std::string big =
        done("RegisterImage", {{"Name", "big"},
                               {"RootDeviceName", "/dev/xvda"},
                               {"BlockDeviceMapping.1.DeviceName", "/dev/xvda"},
                               {"BlockDeviceMapping.1.Ebs.SnapshotId", root_snapshot()},
                               {"BlockDeviceMapping.1.Ebs.VolumeSize", "4"}})
            .text("//imageId");
    const auto launched = [&](const char* size) {
        return send("RunInstances", {{"ImageId", big},
                                     {"MinCount", "1"},
                                     {"MaxCount", "1"},
                                     {"BlockDeviceMapping.1.DeviceName", "/dev/xvda"},
                                     {"BlockDeviceMapping.1.Ebs.VolumeSize", size}})
            .code;
    };
    EXPECT_EQ(launched("3"), "InvalidBlockDeviceMapping");
    EXPECT_EQ(launched("5"), "");

    const std::string id = launch();
    const std::string captured =
        done("CreateImage", {{"InstanceId", id},
                             {"Name", "with-data"},
                             {"BlockDeviceMapping.1.DeviceName", "/dev/sdf"},
                             {"BlockDeviceMapping.1.Ebs.SnapshotId", root_snapshot()}})
            .text("//imageId");
    settle();
    EXPECT_THAT(done("DescribeImages", {{"ImageId.1", captured}}).texts("//ebs/volumeSize"),
                ElementsAre("1", "1"));
}

// Attributes.

TEST_F(ActionsTest, attributes_that_a_running_guest_uses_are_changed_when_it_is_stopped) {
    const std::string id = launch({{"UserData", base64_encode("one")}});
    const std::vector<std::pair<std::string, std::string>> changes{
        {"InstanceType.Value", "t3.large"}, {"UserData.Value", base64_encode("two")}};
    for (const auto& change : changes) {
        EXPECT_EQ(send("ModifyInstanceAttribute", {{"InstanceId", id}, change}).code,
                  "IncorrectInstanceState")
            << change.first;
    }
    EXPECT_EQ(attribute(id, "userData"), base64_encode("one"));

    stop(id);
    for (const auto& change : changes)
        done("ModifyInstanceAttribute", {{"InstanceId", id}, change});
    EXPECT_EQ(attribute(id, "instanceType"), "t3.large");
    EXPECT_EQ(attribute(id, "userData"), base64_encode("two"));
    for (const char* kind : {"Kernel.Value", "Ramdisk.Value"}) {
        EXPECT_EQ(
            send("ModifyInstanceAttribute", {{"InstanceId", id}, {kind, "aki-919dcaf8"}}).code,
            "InvalidParameterCombination")
            << "an hvm guest boots by itself";
    }
}

TEST_F(ActionsTest, protection_shutdown_behaviour_and_deletion_are_changed_at_any_time) {
    const std::string id = launch();
    done("ModifyInstanceAttribute", {{"InstanceId", id}, {"DisableApiTermination.Value", "true"}});
    done("ModifyInstanceAttribute", {{"InstanceId", id},
                                     {"Attribute", "instanceInitiatedShutdownBehavior"},
                                     {"Value", "terminate"}});
    done("ModifyInstanceAttribute", {{"InstanceId", id},
                                     {"BlockDeviceMapping.1.DeviceName", "/dev/sda1"},
                                     {"BlockDeviceMapping.1.Ebs.DeleteOnTermination", "false"}});
    EXPECT_EQ(attribute(id, "disableApiTermination"), "true");
    EXPECT_EQ(attribute(id, "instanceInitiatedShutdownBehavior"), "terminate");
    EXPECT_EQ(attribute(id, "rootDeviceName"), "/dev/sda1");
    EXPECT_EQ(
        done("DescribeInstanceAttribute", {{"InstanceId", id}, {"Attribute", "blockDeviceMapping"}})
            .text("//deleteOnTermination"),
        "false");
    EXPECT_EQ(send("DescribeInstanceAttribute", {{"InstanceId", id}, {"Attribute", "colour"}}).code,
              "InvalidParameterValue");
}

// Tags and keys.

TEST_F(ActionsTest, tags_are_set_shown_and_deleted_by_key_or_by_key_and_value) {
    const std::string id = launch();
    const std::string image = golden().str();
    done("CreateTags", {{"ResourceId.1", id},
                        {"ResourceId.2", image},
                        {"Tag.1.Key", "Env"},
                        {"Tag.1.Value", "prod"},
                        {"Tag.2.Key", "Team"},
                        {"Tag.2.Value", "a"}});
    done("CreateTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Env"}, {"Tag.1.Value", "test"}});
    const auto tags_of = [&](const std::string& resource) {
        return done("DescribeTags",
                    {{"Filter.1.Name", "resource-id"}, {"Filter.1.Value.1", resource}});
    };
    EXPECT_THAT(tags_of(id).texts("//tagSet/item/value"), ElementsAre("test", "a"));
    EXPECT_THAT(tags_of(image).texts("//tagSet/item/resourceType"), ElementsAre("image", "image"));

    done("DeleteTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Env"}, {"Tag.1.Value", "prod"}});
    EXPECT_THAT(tags_of(id).texts("//tagSet/item/key"), SizeIs(2)) << "its value is another";
    done("DeleteTags", {{"ResourceId.1", id}, {"Tag.1.Key", "Env"}});
    EXPECT_THAT(tags_of(id).texts("//tagSet/item/key"), ElementsAre("Team"));
    EXPECT_EQ(
        send("CreateTags",
             {{"ResourceId.1", "i-0123456789abcdef0"}, {"Tag.1.Key", "a"}, {"Tag.1.Value", "b"}})
            .code,
        "InvalidInstanceID.NotFound");
}

TEST_F(ActionsTest, key_pairs_are_made_imported_shown_and_deleted) {
    for (const char* type : {"rsa", "ed25519"}) {
        const Answer made = done("CreateKeyPair", {{"KeyName", type}, {"KeyType", type}});
        EXPECT_THAT(made.text("//keyMaterial"), testing::HasSubstr("PRIVATE KEY"));
    }
    done("ImportKeyPair", {{"KeyName", "own"}, {"PublicKeyMaterial", base64_encode(public_key)}});
    EXPECT_EQ(send("ImportKeyPair",
                   {{"KeyName", "own"}, {"PublicKeyMaterial", base64_encode(public_key)}})
                  .code,
              "InvalidKeyPair.Duplicate");
    EXPECT_EQ(send("ImportKeyPair", {{"KeyName", "x"}, {"PublicKeyMaterial", "bm90IGEga2V5"}}).code,
              "InvalidKey.Format");
    const Answer described = done("DescribeKeyPairs", {{"IncludePublicKey", "true"}});
    EXPECT_THAT(described.texts("//keySet/item/keyName"),
                testing::UnorderedElementsAre("ed25519", "own", "rsa"));
    EXPECT_THAT(described.texts("//keySet/item/keyType"),
                testing::UnorderedElementsAre("ed25519", "ed25519", "rsa"));

    done("DeleteKeyPair", {{"KeyName", "own"}});
    EXPECT_EQ(send("DescribeKeyPairs", {{"KeyName.1", "own"}}).code, "InvalidKeyPair.NotFound");
}

// A launch's token.

TEST_F(ActionsTest, a_token_whose_instances_are_terminated_launches_nothing_and_says_so) {
    const std::string id = launch({{"ClientToken", "once"}});
    EXPECT_EQ(launch({{"ClientToken", "once"}}), id);
    done("TerminateInstances", {{"InstanceId.1", id}});
    settle();
    EXPECT_EQ(send("RunInstances", {{"ImageId", golden().str()},
                                    {"InstanceType", "t3.micro"},
                                    {"MinCount", "1"},
                                    {"MaxCount", "1"},
                                    {"ClientToken", "once"}})
                  .code,
              "IdempotentInstanceTerminated");
}

// Strangers.

TEST_F(ActionsTest, what_belongs_to_another_account_is_answered_as_if_it_were_not_there) {
    const std::string id = launch();
    const std::string volume = done("DescribeVolumes").text("//volumeId");
    const std::string snapshot = root_snapshot();
    done("ImportKeyPair", {{"KeyName", "mine"}, {"PublicKeyMaterial", base64_encode(public_key)}});
    become_stranger();

    for (const char* action : {"DescribeInstances", "DescribeInstanceStatus", "DescribeKeyPairs",
                               "DescribeSnapshots", "DescribeTags", "DescribeVolumes"}) {
        EXPECT_THAT(done(action).texts("//item"), IsEmpty()) << action;
    }
    EXPECT_THAT(done("DescribeImages", images_alone()).texts("//item"), IsEmpty());
    const std::vector<std::tuple<const char*, WirePairs, const char*>> refused{
        {"DescribeInstances", {{"InstanceId.1", id}}, "InvalidInstanceID.NotFound"},
        {"DescribeInstanceStatus", {{"InstanceId.1", id}}, "InvalidInstanceID.NotFound"},
        {"DescribeInstanceAttribute",
         {{"InstanceId", id}, {"Attribute", "userData"}},
         "InvalidInstanceID.NotFound"},
        {"ModifyInstanceAttribute",
         {{"InstanceId", id}, {"DisableApiTermination.Value", "true"}},
         "InvalidInstanceID.NotFound"},
        {"StartInstances", {{"InstanceId.1", id}}, "InvalidInstanceID.NotFound"},
        {"StopInstances", {{"InstanceId.1", id}}, "InvalidInstanceID.NotFound"},
        {"RebootInstances", {{"InstanceId.1", id}}, "InvalidInstanceID.NotFound"},
        {"TerminateInstances", {{"InstanceId.1", id}}, "InvalidInstanceID.NotFound"},
        {"CreateImage", {{"InstanceId", id}, {"Name", "stolen"}}, "InvalidInstanceID.NotFound"},
        {"GetConsoleOutput", {{"InstanceId", id}}, "InvalidInstanceID.NotFound"},
        {"GetConsoleScreenshot", {{"InstanceId", id}}, "InvalidInstanceID.NotFound"},
        {"DescribeInstanceConnection", {{"InstanceId", id}}, "InvalidInstanceID.NotFound"},
        {"DescribeImages", {{"ImageId.1", golden().str()}}, "InvalidAMIID.NotFound"},
        {"DeregisterImage", {{"ImageId", golden().str()}}, "InvalidAMIID.NotFound"},
        {"DescribeVolumes", {{"VolumeId.1", volume}}, "InvalidVolume.NotFound"},
        {"DescribeSnapshots", {{"SnapshotId.1", snapshot}}, "InvalidSnapshot.NotFound"},
        {"DescribeKeyPairs", {{"KeyName.1", "mine"}}, "InvalidKeyPair.NotFound"},
        {"CreateTags",
         {{"ResourceId.1", id}, {"Tag.1.Key", "a"}, {"Tag.1.Value", "b"}},
         "InvalidInstanceID.NotFound"},
    };
    for (const auto& [action, pairs, code] : refused)
        EXPECT_EQ(send(action, pairs).code, code) << action;
}

}  // namespace

}  // namespace kiln::api::tests
