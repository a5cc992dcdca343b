#include <gmock/gmock.h>

#include "launcher/fleet/launch_parameters.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LaunchTemplateActionsTest : public ActionsTest {
  protected:
    /// A template named "web" of the golden image; "LaunchTemplateData." is put before each name.
    std::string new_template(const WirePairs& data = {}) {
        WirePairs pairs{{"LaunchTemplateName", "web"},
                        {"VersionDescription", "first"},
                        {"LaunchTemplateData.ImageId", golden().str()},
                        {"LaunchTemplateData.InstanceType", "t3.micro"}};
        for (const auto& [name, value] : data)
            pairs.emplace_back("LaunchTemplateData." + name, value);
        return done("CreateLaunchTemplate", pairs).text("//launchTemplateId");
    }
    Answer new_version(const WirePairs& pairs) {
        WirePairs all{{"LaunchTemplateName", "web"}};
        all.insert(all.end(), pairs.begin(), pairs.end());
        return done("CreateLaunchTemplateVersion", all);
    }
    Answer versions(const WirePairs& pairs = {}) {
        WirePairs all{{"LaunchTemplateName", "web"}};
        all.insert(all.end(), pairs.begin(), pairs.end());
        return done("DescribeLaunchTemplateVersions", all);
    }
    Answer run(const WirePairs& more = {}) {
        WirePairs pairs{
            {"LaunchTemplate.LaunchTemplateName", "web"}, {"MinCount", "1"}, {"MaxCount", "1"}};
        pairs.insert(pairs.end(), more.begin(), more.end());
        return send("RunInstances", pairs);
    }
};

TEST_F(LaunchTemplateActionsTest, a_template_is_told_as_it_was_said) {
    const std::string group = new_group("web");
    const std::string id = new_template({{"KeyName", "k"},
                                         {"UserData", "IyEvYmluL3No"},
                                         {"Placement.AvailabilityZone", "local-1a"},
                                         {"RamDiskId", "ari-1"},
                                         {"InstanceInitiatedShutdownBehavior", "terminate"},
                                         {"DisableApiTermination", "false"},
                                         {"EbsOptimized", "true"},
                                         {"Monitoring.Enabled", "false"},
                                         {"CreditSpecification.CpuCredits", "standard"},
                                         {"MetadataOptions.HttpTokens", "required"},
                                         {"BlockDeviceMapping.1.DeviceName", "/dev/sdf"},
                                         {"BlockDeviceMapping.1.Ebs.VolumeSize", "2"},
                                         {"BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"},
                                         {"BlockDeviceMapping.2.DeviceName", "/dev/sdg"},
                                         {"BlockDeviceMapping.2.NoDevice", ""},
                                         {"NetworkInterface.1.DeviceIndex", "0"},
                                         {"NetworkInterface.1.SecurityGroupId.1", group},
                                         {"NetworkInterface.1.AssociatePublicIpAddress", "false"},
                                         {"TagSpecification.1.ResourceType", "instance"},
                                         {"TagSpecification.1.Tag.1.Key", "team"},
                                         {"TagSpecification.1.Tag.1.Value", "web"}});
    const Answer answer = versions();
    const auto said = [&](const std::string& path) {
        return answer.texts("//launchTemplateData/" + path);
    };
    EXPECT_THAT(answer.texts("//launchTemplateId"), ElementsAre(id));
    EXPECT_THAT(answer.texts("//versionNumber"), ElementsAre("1"));
    EXPECT_THAT(answer.texts("//versionDescription"), ElementsAre("first"));
    EXPECT_THAT(answer.texts("//defaultVersion"), ElementsAre("true"));
    EXPECT_THAT(said("imageId"), ElementsAre(golden().str()));
    EXPECT_THAT(said("instanceType"), ElementsAre("t3.micro"));
    EXPECT_THAT(said("keyName"), ElementsAre("k"));
    EXPECT_THAT(said("userData"), ElementsAre("IyEvYmluL3No"));
    EXPECT_THAT(said("placement/availabilityZone"), ElementsAre("local-1a"));
    EXPECT_THAT(said("ramDiskId"), ElementsAre("ari-1"));
    EXPECT_THAT(said("kernelId"), IsEmpty());
    EXPECT_THAT(said("instanceInitiatedShutdownBehavior"), ElementsAre("terminate"));
    EXPECT_THAT(said("disableApiTermination"), ElementsAre("false"));
    EXPECT_THAT(said("ebsOptimized"), ElementsAre("true"));
    EXPECT_THAT(said("monitoring/enabled"), ElementsAre("false"));
    EXPECT_THAT(said("hibernationOptions"), IsEmpty());
    EXPECT_THAT(said("creditSpecification/cpuCredits"), ElementsAre("standard"));
    EXPECT_THAT(said("metadataOptions/httpTokens"), ElementsAre("required"));
    EXPECT_THAT(said("metadataOptions/httpEndpoint"), IsEmpty());
    EXPECT_THAT(said("blockDeviceMappingSet/item/deviceName"), ElementsAre("/dev/sdf", "/dev/sdg"));
    EXPECT_THAT(said("blockDeviceMappingSet/item/ebs/volumeSize"), ElementsAre("2"));
    EXPECT_THAT(said("blockDeviceMappingSet/item/ebs/deleteOnTermination"), ElementsAre("true"));
    EXPECT_THAT(said("blockDeviceMappingSet/item/noDevice"), ElementsAre(""));
    EXPECT_THAT(said("networkInterfaceSet/item/groupSet/groupId"), ElementsAre(group));
    EXPECT_THAT(said("networkInterfaceSet/item/associatePublicIpAddress"), ElementsAre("false"));
    EXPECT_THAT(said("tagSpecificationSet/item/resourceType"), ElementsAre("instance"));
    EXPECT_THAT(said("tagSpecificationSet/item/tagSet/item/key"), ElementsAre("team"));
}

TEST_F(LaunchTemplateActionsTest, a_launch_is_made_from_the_default_version_or_the_one_it_names) {
    const std::string id = new_template();
    new_version({{"SourceVersion", "1"}, {"LaunchTemplateData.InstanceType", "t3.nano"}});
    const auto type_of = [&](const WirePairs& more) {
        const Answer made = run(more);
        settle();
        return made.text("//instanceType");
    };
    EXPECT_EQ(type_of({}), "t3.micro");
    EXPECT_EQ(type_of({{"LaunchTemplate.Version", "$Latest"}}), "t3.nano");
    EXPECT_EQ(type_of({{"LaunchTemplate.Version", "2"}}), "t3.nano");
    EXPECT_EQ(type_of({{"InstanceType", "t3.small"}}), "t3.small");
    done("ModifyLaunchTemplate", {{"LaunchTemplateId", id}, {"SetDefaultVersion", "2"}});
    EXPECT_EQ(type_of({}), "t3.nano");
    EXPECT_EQ(type_of({{"LaunchTemplate.Version", "$Default"}}), "t3.nano");
}

TEST_F(LaunchTemplateActionsTest, tags_and_devices_of_a_launch_join_those_of_its_template) {
    const std::string id = new_template({{"TagSpecification.1.ResourceType", "instance"},
                                         {"TagSpecification.1.Tag.1.Key", "team"},
                                         {"TagSpecification.1.Tag.1.Value", "web"},
                                         {"TagSpecification.1.Tag.2.Key", "stage"},
                                         {"TagSpecification.1.Tag.2.Value", "test"},
                                         {"BlockDeviceMapping.1.DeviceName", "/dev/sdf"},
                                         {"BlockDeviceMapping.1.Ebs.VolumeSize", "1"}});
    const Answer made = run({{"TagSpecification.1.ResourceType", "instance"},
                             {"TagSpecification.1.Tag.1.Key", "stage"},
                             {"TagSpecification.1.Tag.1.Value", "live"},
                             {"BlockDeviceMapping.1.DeviceName", "/dev/sdg"},
                             {"BlockDeviceMapping.1.Ebs.VolumeSize", "1"}});
    settle();
    EXPECT_THAT(
        made.texts("//tagSet/item/key"),
        ElementsAre("aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version", "stage", "team"));
    EXPECT_THAT(made.texts("//tagSet/item/value"), ElementsAre(id, "1", "live", "web"));
    const auto devices = done("DescribeInstances").texts("//blockDeviceMapping/item/deviceName");
    EXPECT_EQ(devices.size(), 3U);
}

TEST_F(LaunchTemplateActionsTest, what_a_launch_does_not_say_of_a_volume_its_template_says) {
    const std::string device = "/dev/sdf";
    const launcher::LaunchParameters base{
        .block_devices = {{.device_name = device,
                           .volume_type = "gp3",
                           .delete_on_termination = true,
                           .encryption = {.encrypted = true, .kms_key_id = "alias/aws/ebs"}}}};
    const auto with = [&](const launcher::BlockDeviceOverride& over) {
        return launcher::overlaid(base, {.block_devices = {over}}).block_devices.front();
    };
    const auto larger = with({.device_name = device, .volume_size = Bytes::gibibytes(20)});
    EXPECT_EQ(larger.volume_size, Bytes::gibibytes(20));
    EXPECT_EQ(larger.volume_type, "gp3");
    EXPECT_EQ(larger.delete_on_termination, true);
    EXPECT_EQ(larger.encryption.encrypted, true);
    EXPECT_EQ(larger.encryption.kms_key_id, "alias/aws/ebs");
    EXPECT_EQ(
        with({.device_name = device, .encryption = {.encrypted = false}}).encryption.kms_key_id,
        "");
    const auto none = with({.device_name = device, .no_device = true});
    EXPECT_TRUE(none.no_device);
    EXPECT_FALSE(none.volume_type);
}

TEST_F(LaunchTemplateActionsTest, a_device_is_named_once_in_a_template_and_once_in_a_launch) {
    WirePairs twice;
    for (const char* number : {"1", "2"}) {
        const std::string device = std::string("BlockDeviceMapping.") + number;
        twice.emplace_back(device + ".DeviceName", "/dev/sdf");
        twice.emplace_back(device + ".Ebs.VolumeSize", number);
    }
    new_template();
    EXPECT_EQ(run(twice).code, "InvalidBlockDeviceMapping");
    WirePairs data{{"LaunchTemplateName", "web"}};
    for (const auto& [name, value] : twice)
        data.emplace_back("LaunchTemplateData." + name, value);
    EXPECT_EQ(send("CreateLaunchTemplateVersion", data).code, "InvalidBlockDeviceMapping");
}

TEST_F(LaunchTemplateActionsTest, versions_come_in_pages) {
    new_template();
    for (int i = 0; i < 3; ++i)
        new_version({{"LaunchTemplateData.InstanceType", "t3.nano"}});
    WirePairs pages{
        {"MaxResults", "2"}, {"Filter.1.Name", "instance-type"}, {"Filter.1.Value.1", "t3.nano"}};
    const Answer first = versions(pages);
    EXPECT_THAT(first.texts("//versionNumber"), ElementsAre("4", "3"));
    pages.emplace_back("NextToken", first.text("//nextToken"));
    const Answer last = versions(pages);
    EXPECT_THAT(last.texts("//versionNumber"), ElementsAre("2"));
    EXPECT_EQ(last.text("//nextToken"), "");
    WirePairs repeated{{"LaunchTemplateName", "web"}};
    for (int i = 1; i <= 3; ++i)
        repeated.emplace_back("LaunchTemplateVersion." + std::to_string(i), "$Latest");
    EXPECT_THAT(done("DescribeLaunchTemplateVersions", repeated).texts("//versionNumber"),
                ElementsAre("4"));
    for (int i = 4; i <= 201; ++i)
        repeated.emplace_back("LaunchTemplateVersion." + std::to_string(i), "$Latest");
    EXPECT_EQ(send("DescribeLaunchTemplateVersions", repeated).code, "InvalidParameterValue");
}

TEST_F(LaunchTemplateActionsTest, an_answer_ends_when_its_versions_say_much) {
    new_template();
    constexpr int versions_of_40_kib = 120;
    const std::string user_data(16'000, 'A');
    for (int i = 0; i < versions_of_40_kib; ++i)
        new_version({{"LaunchTemplateData.UserData", user_data},
                     {"LaunchTemplateData.KeyName", std::string(24'000, 'k')}});
    const Answer first = versions();
    EXPECT_LT(first.texts("//versionNumber").size(), std::size_t{versions_of_40_kib});
    const Answer last = versions({{"NextToken", first.text("//nextToken")}});
    EXPECT_EQ(first.texts("//versionNumber").size() + last.texts("//versionNumber").size(),
              std::size_t{versions_of_40_kib + 1});
}

TEST_F(LaunchTemplateActionsTest, tags_of_the_service_can_neither_be_set_nor_deleted) {
    new_template();
    const std::string instance = run().text("//instanceId");
    settle();
    const WirePairs reserved{{"ResourceId.1", instance}, {"Tag.1.Key", "aws:ec2launchtemplate:id"}};
    EXPECT_EQ(send("CreateTags", reserved).code, "InvalidParameterValue");
    EXPECT_EQ(send("DeleteTags", reserved).code, "InvalidParameterValue");
    done("DeleteTags", {{"ResourceId.1", instance}});
    EXPECT_EQ(done("DescribeTags").texts("//key").size(), 2U);
}

TEST_F(LaunchTemplateActionsTest, the_permission_to_launch_is_asked_for_at_the_launch) {
    const std::string image = insert_shared_image();
    done("CreateLaunchTemplate",
         {{"LaunchTemplateName", "web"}, {"LaunchTemplateData.ImageId", image}});
    EXPECT_EQ(run({{"DryRun", "true"}}).code, "DryRunOperation");
    become_stranger();
    done("ModifyImageAttribute",
         {{"ImageId", image}, {"LaunchPermission.Remove.1.UserId", caller().account.str()}});
    become_owner();
    EXPECT_EQ(run().code, "AuthFailure");
    EXPECT_THAT(versions().texts("//imageId"), ElementsAre(image));
}

TEST_F(LaunchTemplateActionsTest, templates_are_their_accounts_own) {
    const std::string id = new_template();
    become_stranger();
    EXPECT_THAT(done("DescribeLaunchTemplates").texts("//launchTemplateId"), IsEmpty());
    const WirePairs by_id{{"LaunchTemplateId", id}};
    EXPECT_EQ(send("DescribeLaunchTemplates", {{"LaunchTemplateId.1", id}}).code,
              "InvalidLaunchTemplateId.NotFound");
    EXPECT_EQ(send("DescribeLaunchTemplateVersions", by_id).code,
              "InvalidLaunchTemplateId.NotFound");
    EXPECT_EQ(send("DeleteLaunchTemplate", by_id).code, "InvalidLaunchTemplateId.NotFound");
    EXPECT_EQ(run().code, "InvalidLaunchTemplateName.NotFoundException");
    EXPECT_EQ(send("CreateTags", {{"ResourceId.1", id}, {"Tag.1.Key", "team"}}).code,
              "InvalidLaunchTemplateId.NotFound");
}

TEST_F(LaunchTemplateActionsTest, numbers_of_deleted_versions_are_not_used_again) {
    new_template();
    new_version({{"LaunchTemplateData.ImageId", golden().str()}});
    new_version({{"LaunchTemplateData.ImageId", golden().str()}});
    const Answer deleted = done("DeleteLaunchTemplateVersions", {{"LaunchTemplateName", "web"},
                                                                 {"LaunchTemplateVersion.1", "3"},
                                                                 {"LaunchTemplateVersion.2", "1"},
                                                                 {"LaunchTemplateVersion.3", "7"}});
    EXPECT_THAT(deleted.texts("//successfullyDeletedLaunchTemplateVersionSet/item/versionNumber"),
                ElementsAre("3"));
    EXPECT_THAT(deleted.texts("//responseError/code"),
                ElementsAre("unexpectedError", "launchTemplateVersionDoesNotExist"));
    EXPECT_EQ(done("DescribeLaunchTemplates").text("//latestVersionNumber"), "2");
    EXPECT_EQ(new_version({{"LaunchTemplateData.ImageId", golden().str()}}).text("//versionNumber"),
              "4");
    EXPECT_THAT(versions().texts("//versionNumber"), ElementsAre("4", "2", "1"));
    EXPECT_THAT(versions({{"LaunchTemplateVersion.1", "$Latest"}}).texts("//versionNumber"),
                ElementsAre("4"));
    EXPECT_THAT(versions({{"MinVersion", "2"}, {"MaxVersion", "3"}}).texts("//versionNumber"),
                ElementsAre("2"));
}

TEST_F(LaunchTemplateActionsTest, a_request_that_is_repeated_with_its_token_makes_one_template) {
    const WirePairs pairs{{"LaunchTemplateName", "web"},
                          {"LaunchTemplateData.ImageId", golden().str()},
                          {"ClientToken", "once"}};
    const std::string id = done("CreateLaunchTemplate", pairs).text("//launchTemplateId");
    EXPECT_EQ(done("CreateLaunchTemplate", pairs).text("//launchTemplateId"), id);
    EXPECT_EQ(send("CreateLaunchTemplate", {{"LaunchTemplateName", "other"},
                                            {"LaunchTemplateData.ImageId", golden().str()},
                                            {"ClientToken", "once"}})
                  .code,
              "IdempotentParameterMismatch");
    const WirePairs version{{"LaunchTemplateData.InstanceType", "t3.nano"}, {"ClientToken", "v"}};
    EXPECT_EQ(new_version(version).text("//versionNumber"), "2");
    EXPECT_EQ(new_version(version).text("//versionNumber"), "2");
    done("DeleteLaunchTemplateVersions",
         {{"LaunchTemplateName", "web"}, {"LaunchTemplateVersion.1", "2"}});
    EXPECT_EQ(new_version(version).text("//versionNumber"), "3");
}

TEST_F(LaunchTemplateActionsTest, a_deleted_template_leaves_its_instances) {
    new_template();
    const std::string instance = run().text("//instanceId");
    settle();
    done("DeleteLaunchTemplate", {{"LaunchTemplateName", "web"}});
    EXPECT_EQ(run().code, "InvalidLaunchTemplateName.NotFoundException");
    EXPECT_EQ(done("DescribeInstances").text("//instanceState/name"), "running");
    EXPECT_THAT(done("DescribeTags",
                     {{"Filter.1.Name", "resource-type"}, {"Filter.1.Value.1", "launch-template"}})
                    .texts("//key"),
                IsEmpty());
}

struct RefusedTemplate {
    const char* what;
    const char* action;
    WirePairs pairs;
    const char* code;
};

TEST_F(LaunchTemplateActionsTest, what_cannot_be_is_refused) {
    new_template();
    const std::string nowhere = "lt-0123456789abcdef0";
    const std::vector<RefusedTemplate> refused{
        {"a name that is taken",
         "CreateLaunchTemplate",
         {{"LaunchTemplateName", "web"}, {"LaunchTemplateData.ImageId", golden().str()}},
         "InvalidLaunchTemplateName.AlreadyExistsException"},
        {"a short name",
         "CreateLaunchTemplate",
         {{"LaunchTemplateName", "w"}, {"LaunchTemplateData.ImageId", golden().str()}},
         "InvalidLaunchTemplateName.MalformedException"},
        {"a name with a space",
         "CreateLaunchTemplate",
         {{"LaunchTemplateName", "a web"}, {"LaunchTemplateData.ImageId", golden().str()}},
         "InvalidLaunchTemplateName.MalformedException"},
        {"no data", "CreateLaunchTemplate", {{"LaunchTemplateName", "web2"}}, "MissingParameter"},
        {"an image id that is none",
         "CreateLaunchTemplate",
         {{"LaunchTemplateName", "web2"}, {"LaunchTemplateData.ImageId", "web"}},
         "InvalidAMIID.Malformed"},
        {"a parameter that nothing knows",
         "CreateLaunchTemplate",
         {{"LaunchTemplateName", "web2"}, {"LaunchTemplateData.Imagee", "web"}},
         "UnknownParameter"},
        {"detailed monitoring",
         "CreateLaunchTemplate",
         {{"LaunchTemplateName", "web2"}, {"LaunchTemplateData.Monitoring.Enabled", "true"}},
         "UnsupportedOperation"},
        {"no name", "DescribeLaunchTemplateVersions", {}, "MissingParameter"},
        {"both names",
         "DescribeLaunchTemplateVersions",
         {{"LaunchTemplateName", "web"}, {"LaunchTemplateId", nowhere}},
         "InvalidParameterCombination"},
        {"an id that is none",
         "DeleteLaunchTemplate",
         {{"LaunchTemplateId", "web"}},
         "InvalidLaunchTemplateId.Malformed"},
        {"a template that is not there",
         "DeleteLaunchTemplate",
         {{"LaunchTemplateId", nowhere}},
         "InvalidLaunchTemplateId.NotFound"},
        {"a version that is not there",
         "ModifyLaunchTemplate",
         {{"LaunchTemplateName", "web"}, {"SetDefaultVersion", "9"}},
         "InvalidLaunchTemplateId.VersionNotFound"},
        {"a version that is no number",
         "ModifyLaunchTemplate",
         {{"LaunchTemplateName", "web"}, {"SetDefaultVersion", "newest"}},
         "InvalidParameterValue"},
        {"a number of no template",
         "DescribeLaunchTemplateVersions",
         {{"LaunchTemplateVersion.1", "1"}},
         "MissingParameter"},
        {"a launch without an image",
         "RunInstances",
         {{"MinCount", "1"}, {"MaxCount", "1"}},
         "MissingParameter"},
    };
    for (const RefusedTemplate& request : refused)
        EXPECT_EQ(send(request.action, request.pairs).code, request.code) << request.what;
    EXPECT_EQ(done("DescribeLaunchTemplates").texts("//launchTemplateId").size(), 1U);
}

TEST_F(LaunchTemplateActionsTest, an_instance_tells_what_launches_others_like_it) {
    const std::string instance = launch({{"TagSpecification.1.ResourceType", "instance"},
                                         {"TagSpecification.1.Tag.1.Key", "team"},
                                         {"TagSpecification.1.Tag.1.Value", "web"}});
    const Answer answer = done("GetLaunchTemplateData", {{"InstanceId", instance}});
    EXPECT_EQ(answer.text("//launchTemplateData/imageId"), golden().str());
    EXPECT_EQ(answer.text("//launchTemplateData/instanceType"), "t3.micro");
    EXPECT_EQ(answer.text("//tagSpecificationSet/item/tagSet/item/value"), "web");
    EXPECT_EQ(answer.text("//blockDeviceMappingSet/item/deviceName"), "/dev/sda1");
}

TEST_F(LaunchTemplateActionsTest, instances_and_templates_tell_that_they_are_of_an_image) {
    const std::string id = new_template();
    const std::string instance = run().text("//instanceId");
    settle();
    const Answer all = done("DescribeImageReferences",
                            {{"ImageId.1", golden().str()}, {"IncludeAllResourceTypes", "true"}});
    EXPECT_THAT(all.texts("//resourceType"), ElementsAre("ec2:Instance", "ec2:LaunchTemplate"));
    const std::string arn = "arn:aws:ec2:" + caller().region + ":" + caller().account.str();
    EXPECT_THAT(all.texts("//arn"),
                ElementsAre(arn + ":instance/" + instance, arn + ":launch-template/" + id));
    new_version({{"LaunchTemplateData.InstanceType", "t3.nano"}});
    WirePairs of_templates{{"ImageId.1", golden().str()},
                           {"ResourceType.1.ResourceType", "ec2:LaunchTemplate"}};
    EXPECT_EQ(done("DescribeImageReferences", of_templates).texts("//arn").size(), 1U);
    of_templates.emplace_back("ResourceType.1.ResourceTypeOption.1.OptionName", "version-depth");
    of_templates.emplace_back("ResourceType.1.ResourceTypeOption.1.OptionValue.1", "1");
    EXPECT_THAT(done("DescribeImageReferences", of_templates).texts("//arn"), IsEmpty());
    of_templates.back().second = "0";
    EXPECT_EQ(send("DescribeImageReferences", of_templates).code, "InvalidParameterValue");
    EXPECT_EQ(send("DescribeImageReferences", {{"ImageId.1", golden().str()}}).code,
              "MissingParameter");
}

TEST_F(LaunchTemplateActionsTest, groups_of_a_launch_stand_in_the_place_of_its_template_s) {
    const launcher::LaunchInterface open{.groups = {SecurityGroupId("sg-00000001")}};
    const launcher::LaunchParameters base{.subnet = SubnetId("subnet-00000001"),
                                          .security_group_names = {"open"},
                                          .interfaces = {open}};
    const launcher::LaunchParameters over{.security_groups = {SecurityGroupId("sg-00000002")}};
    const auto both = launcher::overlaid(base, over);
    EXPECT_THAT(both.security_groups, ElementsAre(SecurityGroupId("sg-00000002")));
    EXPECT_THAT(both.security_group_names, IsEmpty());
    EXPECT_THAT(both.interfaces.front().groups, IsEmpty());
    EXPECT_TRUE(both.subnet);
    EXPECT_EQ(
        send("CreateLaunchTemplate", {{"LaunchTemplateName", "both"},
                                      {"LaunchTemplateData.NetworkInterface.1.DeviceIndex", "0"},
                                      {"LaunchTemplateData.SecurityGroupId.1", "sg-00000002"}})
            .code,
        "InvalidParameterCombination");
    new_template({{"SecurityGroup.1", "default"}});
    EXPECT_EQ(send("CreateLaunchTemplateVersion",
                   {{"LaunchTemplateName", "web"},
                    {"SourceVersion", "1"},
                    {"LaunchTemplateData.NetworkInterface.1.DeviceIndex", "0"}})
                  .code,
              "InvalidParameterCombination");
}

TEST_F(LaunchTemplateActionsTest,
       a_launch_with_a_token_is_not_done_again_whatever_became_of_its_template) {
    new_template();
    const WirePairs once{{"ClientToken", "once"}, {"LaunchTemplate.Version", "$Latest"}};
    const std::string instance = run(once).text("//instanceId");
    settle();
    new_version({{"SourceVersion", "1"}, {"LaunchTemplateData.InstanceType", "t3.nano"}});
    EXPECT_EQ(run(once).text("//instanceId"), instance);
    EXPECT_EQ(run({{"ClientToken", "once"}}).code, "IdempotentParameterMismatch");
    done("DeleteLaunchTemplate", {{"LaunchTemplateName", "web"}});
    EXPECT_EQ(run(once).text("//instanceId"), instance);
    EXPECT_EQ(done("DescribeInstances").texts("//instanceId").size(), 1U);
}

TEST_F(LaunchTemplateActionsTest, what_is_kept_of_templates_has_bounds) {
    new_template();
    EXPECT_EQ(send("CreateLaunchTemplateVersion",
                   {{"LaunchTemplateName", "web"},
                    {"LaunchTemplateData.KeyName", std::string(60'000, 'k')}})
                  .code,
              "InvalidParameterValue");
    const WirePairs pages{{"MaxResults", "1"}};
    EXPECT_EQ(done("DescribeLaunchTemplates", pages).texts("//launchTemplateId").size(), 1U);
}

TEST_F(LaunchTemplateActionsTest, an_instance_tells_of_its_image_when_that_is_gone) {
    const std::string instance = launch();
    done("DeregisterImage", {{"ImageId", golden().str()}});
    const Answer answer = done("DescribeInstanceImageMetadata", {{"InstanceId.1", instance}});
    EXPECT_EQ(answer.text("//imageMetadata/imageId"), golden().str());
    EXPECT_EQ(answer.text("//imageMetadata/imageState"), "deregistered");
    EXPECT_EQ(answer.text("//instanceState/name"), "running");
}

}  // namespace

}  // namespace kiln::api::tests
