#include <gmock/gmock.h>

#include <algorithm>
#include <iterator>

#include "images/accounts/account.hpp"
#include "images/accounts/organization.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// An image of the caller's, and two more accounts, of which one is in a unit.
class ImageSharingActionsTest : public ActionsTest {
  protected:
    ImageSharingActionsTest() : image_(golden().str()) {
        write([&](Session& session) {
            images::insert_account(session, {.id = lab_, .name = "lab", .created = now()});
            images::insert_account(session, {.id = shed_, .name = "shed", .created = now()});
            const auto organization = images::get_organization(session);
            const auto unit = images::create_unit(session, organization.root, "school", now());
            images::move_account(session, lab_, unit.id);
            organization_arn_ = images::organization_arn(organization);
            unit_arn_ = images::unit_arn(organization, unit.id);
        });
    }
    void modify(const std::string& parameter, const std::string& grantee) {
        done("ModifyImageAttribute", {{"ImageId", image_}, {parameter, grantee}});
    }
    std::string refusal(const std::string& parameter, const std::string& grantee) {
        return send("ModifyImageAttribute", {{"ImageId", image_}, {parameter, grantee}}).code;
    }
    std::vector<std::string> grantees() {
        return done("DescribeImageAttribute",
                    {{"ImageId", image_}, {"Attribute", "launchPermission"}})
            .texts("//launchPermission/item/*");
    }
    /// "": the account may launch the image; else what it is told.
    std::string launch_of(const AccountId& account) {
        become(account.str());
        const Answer answer = send("RunInstances", {{"ImageId", image_},
                                                    {"InstanceType", "t3.micro"},
                                                    {"MinCount", "1"},
                                                    {"MaxCount", "1"},
                                                    {"DryRun", "true"}});
        become_owner();
        return answer.code == "DryRunOperation" ? "" : answer.code;
    }
    std::vector<std::string> seen_by(const AccountId& account, WirePairs pairs = {}) {
        become(account.str());
        std::ranges::copy(images_alone(), std::back_inserter(pairs));
        auto ids = done("DescribeImages", pairs).texts("//imagesSet/item/imageId");
        become_owner();
        return ids;
    }
    const std::string& image() const { return image_; }
    const AccountId& lab() const { return lab_; }
    const AccountId& shed() const { return shed_; }
    const std::string& unit_arn() const { return unit_arn_; }
    const std::string& organization_arn() const { return organization_arn_; }

  private:
    std::string image_;
    AccountId lab_{"333333333333"};
    AccountId shed_{"555555555555"};
    std::string organization_arn_;
    std::string unit_arn_;
};

TEST_F(ImageSharingActionsTest, an_image_is_shared_with_an_account_a_unit_an_organization_and_all) {
    const std::string add = "LaunchPermission.Add.1.";
    const std::string remove = "LaunchPermission.Remove.1.";
    EXPECT_EQ(launch_of(lab()), "AuthFailure");
    modify(add + "UserId", lab().str());
    EXPECT_EQ(launch_of(lab()), "");
    EXPECT_EQ(launch_of(shed()), "AuthFailure");
    modify(remove + "UserId", lab().str());
    modify(add + "OrganizationalUnitArn", unit_arn());
    EXPECT_EQ(launch_of(lab()), "");
    EXPECT_EQ(launch_of(shed()), "AuthFailure");
    modify(add + "OrganizationArn", organization_arn());
    EXPECT_EQ(launch_of(shed()), "");
    EXPECT_THAT(grantees(), ElementsAre(organization_arn(), unit_arn()));
    done("ResetImageAttribute", {{"ImageId", image()}, {"Attribute", "launchPermission"}});
    EXPECT_EQ(launch_of(lab()), "AuthFailure");
    modify(add + "Group", "all");
    EXPECT_EQ(launch_of(lab()), "");
    EXPECT_EQ(done("DescribeImages").text("//isPublic"), "true");
}

TEST_F(ImageSharingActionsTest, the_older_form_of_the_request_does_the_same) {
    done("ModifyImageAttribute", {{"ImageId", image()},
                                  {"Attribute", "launchPermission"},
                                  {"OperationType", "add"},
                                  {"UserId.1", lab().str()},
                                  {"UserId.2", shed().str()}});
    EXPECT_THAT(grantees(), ElementsAre(lab().str(), shed().str()));
    done("ModifyImageAttribute",
         {{"ImageId", image()}, {"OperationType", "remove"}, {"UserId.1", lab().str()}});
    EXPECT_THAT(grantees(), ElementsAre(shed().str()));
    done("ModifyImageAttribute",
         {{"ImageId", image()}, {"Attribute", "description"}, {"Value", "as it was"}});
    EXPECT_EQ(done("DescribeImages").text("//imagesSet/item/description"), "as it was");
}

TEST_F(ImageSharingActionsTest, a_request_may_have_both_forms_when_they_agree) {
    const WirePairs both{{"ImageId", image()},
                         {"LaunchPermission.Add.1.UserId", lab().str()},
                         {"UserId.1", lab().str()}};
    done("ModifyImageAttribute", both);
    EXPECT_THAT(grantees(), ElementsAre(lab().str()));
    WirePairs more = both;
    more.emplace_back("UserId.2", shed().str());
    EXPECT_EQ(send("ModifyImageAttribute", more).code, "MissingParameter");
    EXPECT_THAT(grantees(), ElementsAre(lab().str()));
}

TEST_F(ImageSharingActionsTest, an_image_is_set_to_metadata_with_tokens_for_good) {
    done("ModifyImageAttribute", {{"ImageId", image()}, {"ImdsSupport.Value", "v2.0"}});
    EXPECT_EQ(done("DescribeImages").text("//imdsSupport"), "v2.0");
    EXPECT_EQ(send("ModifyImageAttribute",
                   {{"ImageId", image()}, {"Attribute", "imdsSupport"}, {"Value", "v1.0"}})
                  .code,
              "InvalidParameterValue");
    EXPECT_EQ(send("ModifyImageAttribute",
                   {{"ImageId", image()}, {"Attribute", "imdsSupport"}, {"Value", ""}})
                  .code,
              "MissingParameter");
    EXPECT_EQ(
        send("ModifyImageAttribute", {{"ImageId", image()}, {"ImdsSupport.Value", "v1.0"}}).code,
        "InvalidParameterValue");
    EXPECT_EQ(done("DescribeImages").text("//imdsSupport"), "v2.0");
}

TEST_F(ImageSharingActionsTest, whom_there_is_not_is_refused_and_nothing_is_changed) {
    const std::string add = "LaunchPermission.Add.1.";
    for (const char* user : {"1234", "1111-2222-3333", "444444444444", "lab"})
        EXPECT_EQ(refusal(add + "UserId", user), "InvalidAMIAttributeItemValue") << user;
    EXPECT_EQ(refusal(add + "OrganizationArn", "arn:aws:organizations::1:organization/o-1"),
              "InvalidAMIAttributeItemValue");
    EXPECT_EQ(
        refusal(add + "OrganizationalUnitArn", unit_arn().substr(0, unit_arn().size() - 1) + "x"),
        "InvalidAMIAttributeItemValue");
    EXPECT_EQ(send("ModifyImageAttribute", {{"ImageId", image()},
                                            {"LaunchPermission.Add.1.UserId", lab().str()},
                                            {"LaunchPermission.Add.2.UserId", "444444444444"},
                                            {"Description.Value", "changed"}})
                  .code,
              "InvalidAMIAttributeItemValue");
    EXPECT_EQ(send("ModifyImageAttribute", {{"ImageId", image()}}).code, "MissingParameter");
    EXPECT_EQ(send("ModifyImageAttribute", {{"ImageId", image()}, {"UserId.1", lab().str()}}).code,
              "MissingParameter");
    EXPECT_THAT(grantees(), IsEmpty());
    EXPECT_NE(done("DescribeImages").text("//imagesSet/item/description"), "changed");
}

TEST_F(ImageSharingActionsTest, those_who_may_launch_it_may_do_nothing_else_with_it) {
    modify("LaunchPermission.Add.1.UserId", lab().str());
    become(lab().str());
    const WirePairs pairs{{"ImageId", image()}};
    EXPECT_EQ(send("DeregisterImage", pairs).code, "AuthFailure");
    EXPECT_EQ(send("DisableImage", pairs).code, "AuthFailure");
    EXPECT_EQ(send("ModifyImageAttribute",
                   {{"ImageId", image()}, {"LaunchPermission.Add.1.Group", "all"}})
                  .code,
              "AuthFailure");
    EXPECT_EQ(
        send("DescribeImageAttribute", {{"ImageId", image()}, {"Attribute", "launchPermission"}})
            .code,
        "AuthFailure");
    EXPECT_EQ(send("CopyImage",
                   {{"SourceImageId", image()}, {"SourceRegion", "local-1"}, {"Name", "mine"}})
                  .code,
              "InvalidRequest");
    become(shed().str());
    for (const char* action : {"DeregisterImage", "DisableImage", "CancelImageLaunchPermission"})
        EXPECT_EQ(send(action, pairs).code, "InvalidAMIID.NotFound") << action;
}

TEST_F(ImageSharingActionsTest, a_permission_of_ones_own_can_be_given_back_and_no_other) {
    modify("LaunchPermission.Add.1.OrganizationArn", organization_arn());
    modify("LaunchPermission.Add.1.UserId", lab().str());
    become(shed().str());
    EXPECT_EQ(send("CancelImageLaunchPermission", {{"ImageId", image()}}).code,
              "OperationNotPermitted");
    become(lab().str());
    done("CancelImageLaunchPermission", {{"ImageId", image()}});
    become_owner();
    EXPECT_THAT(grantees(), ElementsAre(organization_arn()));
}

TEST_F(ImageSharingActionsTest, images_are_found_by_those_who_may_launch_them) {
    modify("LaunchPermission.Add.1.OrganizationalUnitArn", unit_arn());
    EXPECT_THAT(seen_by(lab()), ElementsAre(image()));
    EXPECT_THAT(seen_by(lab(), {{"ExecutableBy.1", "self"}}), ElementsAre(image()));
    EXPECT_THAT(seen_by(lab(), {{"ExecutableBy.1", "all"}}), IsEmpty());
    EXPECT_THAT(seen_by(shed()), IsEmpty());
    modify("LaunchPermission.Add.1.Group", "all");
    EXPECT_THAT(seen_by(shed(), {{"ExecutableBy.1", "all"}}), ElementsAre(image()));
    EXPECT_THAT(seen_by(shed(), {{"ExecutableBy.1", "self"}}), IsEmpty());
    EXPECT_THAT(seen_by(caller().account, {{"ExecutableBy.1", lab().str()}}), IsEmpty());
    modify("LaunchPermission.Add.1.UserId", lab().str());
    EXPECT_THAT(seen_by(caller().account, {{"ExecutableBy.1", lab().str()}}), ElementsAre(image()));
    EXPECT_THAT(seen_by(shed(), {{"ExecutableBy.1", lab().str()}}), IsEmpty());
}

TEST_F(ImageSharingActionsTest, a_disabled_image_is_gone_for_others_and_kept_for_its_owner) {
    modify("LaunchPermission.Add.1.UserId", lab().str());
    done("DisableImage", {{"ImageId", image()}});
    EXPECT_EQ(launch_of(lab()), "AuthFailure");
    EXPECT_EQ(launch_of(caller().account), "InvalidAMIID.Unavailable");
    EXPECT_THAT(seen_by(caller().account), IsEmpty());
    EXPECT_THAT(seen_by(caller().account, {{"IncludeDisabled", "true"}}), ElementsAre(image()));
    EXPECT_EQ(done("DescribeImages", {{"ImageId.1", image()}}).text("//imageState"), "disabled");
    EXPECT_EQ(send("DeleteSnapshot", {{"SnapshotId", root_snapshot()}}).code,
              "InvalidSnapshot.InUse");
    EXPECT_EQ(send("ModifyImageAttribute",
                   {{"ImageId", image()}, {"LaunchPermission.Add.1.UserId", lab().str()}})
                  .code,
              "InvalidAMIID.Unavailable");
    done("EnableImage", {{"ImageId", image()}});
    EXPECT_EQ(launch_of(caller().account), "");
    EXPECT_EQ(launch_of(lab()), "AuthFailure") << "enabling does not share again";
}

TEST_F(ImageSharingActionsTest, a_deprecated_image_is_launched_by_its_id_and_found_on_request) {
    modify("LaunchPermission.Add.1.Group", "all");
    EXPECT_EQ(send("EnableImageDeprecation",
                   {{"ImageId", image()}, {"DeprecateAt", "2001-01-01T00:00:00Z"}})
                  .code,
              "InvalidParameterValue");
    EXPECT_EQ(send("EnableImageDeprecation", {{"ImageId", image()}, {"DeprecateAt", "soon"}}).code,
              "InvalidParameterValue");
    done("EnableImageDeprecation", {{"ImageId", image()}, {"DeprecateAt", "2032-01-31T12:00:29Z"}});
    EXPECT_EQ(done("DescribeImages", images_alone()).text("//deprecationTime"),
              "2032-01-31T12:00:00.000Z");
    EXPECT_THAT(seen_by(lab()), ElementsAre(image())) << "it is not yet";
    write([&](Session& session) {
        auto row = images::find_image(session, ImageId(image())).value();
        row.deprecated = Time();
        images::update_image(session, row);
    });
    EXPECT_THAT(seen_by(lab()), IsEmpty());
    EXPECT_THAT(seen_by(lab(), {{"IncludeDeprecated", "true"}}), ElementsAre(image()));
    EXPECT_THAT(seen_by(lab(), {{"ImageId.1", image()}}), ElementsAre(image()));
    EXPECT_THAT(seen_by(caller().account), ElementsAre(image()));
    EXPECT_EQ(launch_of(lab()), "");
    done("DisableImageDeprecation", {{"ImageId", image()}});
    EXPECT_THAT(seen_by(lab()), ElementsAre(image()));
}

TEST_F(ImageSharingActionsTest, a_protected_image_is_not_deregistered_nor_a_day_after_a_cooldown) {
    const WirePairs pairs{{"ImageId", image()}};
    EXPECT_EQ(done("EnableImageDeregistrationProtection",
                   {{"ImageId", image()}, {"WithCooldown", "true"}})
                  .text("//return"),
              "enabled-with-cooldown");
    EXPECT_EQ(send("DeregisterImage", pairs).code, "OperationNotPermitted");
    EXPECT_THAT(done("DisableImageDeregistrationProtection", pairs).text("//return"),
                HasSubstr("disabled-after-"));
    EXPECT_EQ(send("DeregisterImage", pairs).code, "OperationNotPermitted");
    // Nor by way of a protection without one.
    done("EnableImageDeregistrationProtection", pairs);
    EXPECT_THAT(done("DisableImageDeregistrationProtection", pairs).text("//return"),
                HasSubstr("disabled-after-"));
    EXPECT_EQ(send("DeregisterImage", pairs).code, "OperationNotPermitted");
}

TEST_F(ImageSharingActionsTest, a_protection_without_a_cooldown_ends_at_once) {
    const WirePairs pairs{{"ImageId", image()}};
    EXPECT_EQ(done("EnableImageDeregistrationProtection", pairs).text("//return"),
              "enabled-without-cooldown");
    EXPECT_EQ(send("DeregisterImage", pairs).code, "OperationNotPermitted");
    EXPECT_EQ(done("DisableImageDeregistrationProtection", pairs).text("//return"), "disabled");
    done("DeregisterImage", pairs);
}

TEST_F(ImageSharingActionsTest, public_access_can_be_blocked_and_what_is_public_stays_it) {
    const std::string add_all = "LaunchPermission.Add.1.Group";
    EXPECT_EQ(done("GetImageBlockPublicAccessState").text("//imageBlockPublicAccessState"),
              "unblocked");
    modify(add_all, "all");
    done("EnableImageBlockPublicAccess", {{"ImageBlockPublicAccessState", "block-new-sharing"}});
    EXPECT_EQ(launch_of(lab()), "");
    EXPECT_EQ(refusal(add_all, "all"), "OperationNotPermitted");
    modify("LaunchPermission.Add.1.UserId", lab().str());
    done("DisableImageBlockPublicAccess");
    modify(add_all, "all");
}

TEST_F(ImageSharingActionsTest, only_images_that_meet_the_criteria_of_an_account_are_let_in) {
    modify("LaunchPermission.Add.1.Group", "all");
    become(lab().str());
    done("EnableAllowedImagesSettings", {{"AllowedImagesSettingsState", "audit-mode"}});
    EXPECT_EQ(done("DescribeImages", images_alone()).text("//imageAllowed"), "false");
    EXPECT_EQ(launch_of(lab()), "");
    become(lab().str());
    done("EnableAllowedImagesSettings", {{"AllowedImagesSettingsState", "enabled"}});
    EXPECT_THAT(seen_by(lab()), IsEmpty());
    EXPECT_EQ(launch_of(lab()), "AuthFailure");
    EXPECT_EQ(launch_of(shed()), "");
    become(lab().str());
    done("ReplaceImageCriteriaInAllowedImagesSettings",
         {{"ImageCriterion.1.ImageProvider.1", caller().account.str()},
          {"ImageCriterion.1.CreationDateCondition.MaximumDaysSinceCreated", "36500"}});
    EXPECT_EQ(done("DescribeImages", images_alone()).text("//imageAllowed"), "true");
    EXPECT_EQ(launch_of(lab()), "");
    become(lab().str());
    EXPECT_EQ(done("GetAllowedImagesSettings").text("//maximumDaysSinceCreated"), "36500");
    for (const WirePairs& bad :
         std::vector<WirePairs>{{{"ImageCriterion.1.ImageProvider.1", "amazon"}},
                                {{"ImageCriterion.1.ImageProvider.1", "none"},
                                 {"ImageCriterion.1.ImageProvider.2", caller().account.str()}}}) {
        EXPECT_EQ(send("ReplaceImageCriteriaInAllowedImagesSettings", bad).code,
                  "InvalidParameterValue");
    }
    done("ReplaceImageCriteriaInAllowedImagesSettings",
         {{"ImageCriterion.1.ImageProvider.1", "none"}});
    EXPECT_EQ(launch_of(lab()), "AuthFailure");
    become(lab().str());
    done("ReplaceImageCriteriaInAllowedImagesSettings", {{"ImageCriterion.1.ImageName.1", "g*"}});
    EXPECT_EQ(launch_of(lab()), "");
    become(lab().str());
    done("DisableAllowedImagesSettings");
    EXPECT_THAT(done("DescribeImages").texts("//imageAllowed"), IsEmpty());
}

}  // namespace

}  // namespace kiln::api::tests
