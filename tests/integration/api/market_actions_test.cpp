#include <gmock/gmock.h>

#include "images/accounts/account.hpp"
#include "images/catalog/usage.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// The fixture's caller sells a product that its image has the code of; a buyer and a stranger.
class MarketActionsTest : public ActionsTest {
  protected:
    MarketActionsTest() : image_(golden().str()) {
        write([&](Session& session) {
            images::insert_account(session, {.id = buyer_, .name = "buyer", .created = now()});
        });
        code_ = done("CreateProduct", {{"Name", "Web server"},
                                       {"HourlyRate", "0.25"},
                                       {"Description", "Serves pages"},
                                       {"Terms", "As it is."}})
                    .text("//productCode");
        done("ModifyImageAttribute", {{"ImageId", image_}, {"ProductCode.1", code_}});
        done("ModifyImageAttribute",
             {{"ImageId", image_}, {"LaunchPermission.Add.1.UserId", buyer_.str()}});
    }
    void become_buyer() { become(buyer_.str()); }
    void buy() {
        become_buyer();
        done("Subscribe", {{"ProductCode", code_}, {"AcceptTerms", "true"}});
    }
    Answer launch_it() {
        return send("RunInstances", {{"ImageId", image_},
                                     {"InstanceType", "t3.micro"},
                                     {"MinCount", "1"},
                                     {"MaxCount", "1"}});
    }
    /// The codes of what a request for one resource shows.
    std::vector<std::string> codes_of_image(const std::string& id) {
        return done("DescribeImages", {{"ImageId.1", id}}).texts("//productCodes/item/productCode");
    }
    std::vector<std::string> codes_of(const std::string& kind, const std::string& id) {
        return done("Describe" + kind + "Attribute",
                    {{kind + "Id", id}, {"Attribute", "productCodes"}})
            .texts("//productCodes/item/productCode");
    }
    std::string snapshot_of(const std::string& volume) {
        const std::string id = done("CreateSnapshot", {{"VolumeId", volume}}).text("//snapshotId");
        settle();
        return id;
    }
    std::string image_of(const std::string& instance) {
        const std::string id =
            done("CreateImage", {{"InstanceId", instance}, {"Name", "captured"}}).text("//imageId");
        settle();
        return id;
    }
    const std::string& image() const { return image_; }
    const std::string& code() const { return code_; }
    const AccountId& buyer() const { return buyer_; }

  private:
    std::string image_;
    AccountId buyer_{"333333333333"};
    std::string code_;
};

TEST_F(MarketActionsTest, who_has_not_subscribed_launches_nothing_and_is_told_how_to) {
    become_buyer();
    const Answer refused = launch_it();
    EXPECT_EQ(refused.code, "OptInRequired");
    EXPECT_THAT(refused.text("//Message"), HasSubstr("kiln subscribe --product-code " + code()));
    const Answer terms = send("Subscribe", {{"ProductCode", code()}});
    EXPECT_EQ(terms.code, "OptInRequired");
    EXPECT_THAT(terms.text("//Message"), HasSubstr("As it is."));
    buy();
    EXPECT_EQ(launch_it().code, "");
    settle();
    EXPECT_EQ(done("DescribeSubscriptions").texts("//productCode"),
              std::vector<std::string>{code()});
    done("Unsubscribe", {{"ProductCode", code()}});
    EXPECT_EQ(launch_it().code, "OptInRequired");
    EXPECT_EQ(done("DescribeInstances").texts("//instanceState/name"),
              std::vector<std::string>{"running"});
    EXPECT_EQ(send("Unsubscribe", {{"ProductCode", code()}}).code, "InvalidSubscription.NotFound");
}

TEST_F(MarketActionsTest, an_account_may_let_in_images_of_the_marketplace_alone) {
    buy();
    done("EnableAllowedImagesSettings", {{"AllowedImagesSettingsState", "enabled"}});
    const auto launch_with = [&](const char* condition, const std::string& value) {
        done("ReplaceImageCriteriaInAllowedImagesSettings",
             {{std::string("ImageCriterion.1.") + condition + ".1", value}});
        const std::string refused = launch_it().code;
        settle();
        return refused;
    };
    EXPECT_EQ(launch_with("MarketplaceProductCode", "another"), "AuthFailure");
    EXPECT_THAT(done("DescribeImages", images_alone()).texts("//imageId"), IsEmpty());
    EXPECT_EQ(launch_with("MarketplaceProductCode", code()), "");
    EXPECT_EQ(done("GetAllowedImagesSettings").text("//marketplaceProductCodeSet/item"), code());
    become_owner();
    const std::string plain = insert_image("plain").str();
    done("ModifyImageAttribute",
         {{"ImageId", plain}, {"LaunchPermission.Add.1.UserId", buyer().str()}});
    become_buyer();
    EXPECT_EQ(launch_with("ImageProvider", "aws-marketplace"), "");
    EXPECT_THAT(done("DescribeImages", images_alone()).texts("//imageId"), ElementsAre(image()))
        << "the other has no product code";
    for (const char* bad : {"", "with-hyphen", "longer0than0twenty0five0le"}) {
        EXPECT_EQ(send("ReplaceImageCriteriaInAllowedImagesSettings",
                       {{"ImageCriterion.1.MarketplaceProductCode.1", bad}})
                      .code,
                  "InvalidParameterValue")
            << bad;
    }
}

TEST_F(MarketActionsTest, the_seller_needs_no_subscription) {
    EXPECT_EQ(launch_it().code, "");
    settle();
}

TEST_F(MarketActionsTest, products_are_found_changed_by_their_seller_alone_and_retired) {
    done("CreateProduct", {{"Name", "Mail server"}, {"HourlyRate", "1"}, {"Currency", "USD"}});
    EXPECT_EQ(done("DescribeProducts", {{"SearchText", "PAGES web"}}).texts("//productCode"),
              std::vector<std::string>{code()});
    EXPECT_THAT(done("DescribeProducts").texts("//productSet/item/name"),
                ElementsAre("Mail server", "Web server"));
    EXPECT_EQ(done("ModifyProduct", {{"ProductCode", code()}, {"HourlyRate", "0.5"}})
                  .text("//hourlyRate"),
              "0.5");
    become_buyer();
    EXPECT_EQ(send("ModifyProduct", {{"ProductCode", code()}, {"HourlyRate", "0"}}).code,
              "AuthFailure");
    become_owner();
    done("ModifyProduct", {{"ProductCode", code()}, {"State", "retired"}});
    become_buyer();
    EXPECT_EQ(send("Subscribe", {{"ProductCode", code()}, {"AcceptTerms", "true"}}).code,
              "InvalidState");
    for (const char* rate : {"-1", "much", "1e3", ""}) {
        EXPECT_NE(send("CreateProduct", {{"Name", "bad"}, {"HourlyRate", rate}}).code, "") << rate;
    }
    EXPECT_EQ(
        send("CreateProduct", {{"Name", "bad"}, {"HourlyRate", "1"}, {"Currency", "EUR"}}).code,
        "InvalidParameterValue");
    EXPECT_EQ(send("DescribeProducts", {{"ProductCode.1", "nothing"}}).code,
              "InvalidProductCode.NotFound");
}

TEST_F(MarketActionsTest, a_code_goes_from_image_to_instance_volume_snapshot_and_image_and_stays) {
    buy();
    launch_it();
    settle();
    const Answer described = done("DescribeInstances");
    EXPECT_EQ(described.text("//productCodes/item/productCode"), code());
    for (const auto& [value, count] :
         {std::pair(code(), 1U), std::pair(std::string("other"), 0U)}) {
        EXPECT_THAT(done("DescribeInstances",
                         {{"Filter.1.Name", "product-code"}, {"Filter.1.Value.1", value}})
                        .texts("//instanceId"),
                    SizeIs(count));
    }
    EXPECT_THAT(codes_of("Instance", described.text("//instanceId")), ElementsAre(code()));
    EXPECT_THAT(codes_of("Volume", described.text("//volumeId")), ElementsAre(code()));
    const std::string snapshot = snapshot_of(described.text("//volumeId"));
    EXPECT_THAT(codes_of("Snapshot", snapshot), ElementsAre(code()));
    const std::string registered =
        done("RegisterImage", {{"Name", "registered"},
                               {"RootDeviceName", "/dev/xvda"},
                               {"BlockDeviceMapping.1.DeviceName", "/dev/xvda"},
                               {"BlockDeviceMapping.1.Ebs.SnapshotId", snapshot}})
            .text("//imageId");
    EXPECT_THAT(codes_of_image(registered), ElementsAre(code()));
    const std::string captured = image_of(described.text("//instanceId"));
    EXPECT_THAT(codes_of_image(captured), ElementsAre(code()));
    const std::string copied =
        done("CopyImage",
             {{"SourceImageId", captured}, {"SourceRegion", "local-1"}, {"Name", "copied"}})
            .text("//imageId");
    settle();
    EXPECT_THAT(codes_of_image(copied), ElementsAre(code()));
    const std::string volume =
        done("CreateVolume", {{"AvailabilityZone", "local-1a"}, {"SnapshotId", snapshot}})
            .text("/CreateVolumeResponse/volumeId");
    settle();
    EXPECT_THAT(codes_of("Snapshot", snapshot_of(volume)), ElementsAre(code()));
    done("Unsubscribe", {{"ProductCode", code()}});
    EXPECT_EQ(send("RunInstances", {{"ImageId", copied},
                                    {"InstanceType", "t3.micro"},
                                    {"MinCount", "1"},
                                    {"MaxCount", "1"}})
                  .code,
              "OptInRequired")
        << "the copy of the captured image is not free";
    EXPECT_EQ(
        done("DescribeImages", {{"Filter.1.Name", "product-code"}, {"Filter.1.Value.1", code()}})
            .texts("//imagesSet/item/imageId")
            .size(),
        4U);
}

TEST_F(MarketActionsTest, images_with_codes_are_not_made_public_copied_by_others_nor_bundled) {
    const auto publish = [&](const char* action, const char* kind, const std::string& id,
                             const char* permission) {
        return send(action, {{kind, id}, {std::string(permission) + ".Add.1.Group", "all"}}).code;
    };
    EXPECT_EQ(publish("ModifyImageAttribute", "ImageId", image(), "LaunchPermission"),
              "OperationNotPermitted");
    const std::string snapshot = root_snapshot();
    EXPECT_EQ(publish("ModifySnapshotAttribute", "SnapshotId", snapshot, "CreateVolumePermission"),
              "OperationNotPermitted");
    EXPECT_EQ(send("CreateStoreImageTask", {{"ImageId", image()}, {"Bucket", "bundles"}}).code,
              "OperationNotPermitted");
    EXPECT_EQ(send("ConvertImage", {{"ImageId", image()},
                                    {"Name", "bundled"},
                                    {"Storage.S3.Bucket", "bundles"},
                                    {"Storage.S3.Prefix", "it"}})
                  .code,
              "OperationNotPermitted");
    done("ModifySnapshotAttribute",
         {{"SnapshotId", snapshot}, {"CreateVolumePermission.Add.1.UserId", buyer().str()}});
    buy();
    EXPECT_EQ(send("CopyImage",
                   {{"SourceImageId", image()}, {"SourceRegion", "local-1"}, {"Name", "mine"}})
                  .code,
              "InvalidRequest");
    EXPECT_EQ(
        send("CopySnapshot", {{"SourceSnapshotId", snapshot}, {"SourceRegion", "local-1"}}).code,
        "InvalidRequest");
}

TEST_F(MarketActionsTest, codes_are_attached_by_sellers_to_their_own_images_for_good) {
    become_buyer();
    EXPECT_EQ(send("ModifyImageAttribute", {{"ImageId", image()}, {"ProductCode.1", code()}}).code,
              "AuthFailure");
    const std::string other =
        done("CreateProduct", {{"Name", "Other"}, {"HourlyRate", "1"}}).text("//productCode");
    become_owner();
    EXPECT_EQ(send("ModifyImageAttribute", {{"ImageId", image()}, {"ProductCode.1", other}}).code,
              "AuthFailure");
    EXPECT_EQ(send("ModifyImageAttribute", {{"ImageId", image()}, {"ProductCode.1", "none"}}).code,
              "InvalidProductCode.NotFound");
    EXPECT_THAT(codes_of_image(image()), ElementsAre(code()));
    EXPECT_THAT(codes_of("Snapshot", root_snapshot()), ElementsAre(code()));
}

TEST_F(MarketActionsTest, volumes_with_codes_come_and_go_while_the_instance_is_stopped) {
    buy();
    launch_it();
    settle();
    const Answer described = done("DescribeInstances");
    const std::string instance = described.text("//instanceId");
    const std::string volume =
        done("CreateVolume", {{"AvailabilityZone", "local-1a"},
                              {"SnapshotId", snapshot_of(described.text("//volumeId"))}})
            .text("/CreateVolumeResponse/volumeId");
    settle();
    const WirePairs attach{{"VolumeId", volume}, {"InstanceId", instance}, {"Device", "/dev/sdf"}};
    EXPECT_EQ(send("AttachVolume", attach).code, "IncorrectInstanceState");
    stop(instance);
    done("AttachVolume", attach);
    settle();
    done("StartInstances", {{"InstanceId.1", instance}});
    settle();
    EXPECT_EQ(send("DetachVolume", {{"VolumeId", volume}}).code, "IncorrectInstanceState");
}

TEST_F(MarketActionsTest, the_seller_confirms_instances_and_learns_whose_they_are) {
    buy();
    launch_it();
    settle();
    const std::string instance = done("DescribeInstances").text("//instanceId");
    const WirePairs question{{"InstanceId", instance}, {"ProductCode", code()}};
    EXPECT_EQ(send("ConfirmProductInstance", question).code, "AuthFailure");
    become_owner();
    EXPECT_THAT(done("ConfirmProductInstance", question).texts("//return | //ownerId"),
                ElementsAre("true", buyer().str()));
    EXPECT_EQ(
        done("ConfirmProductInstance", {{"InstanceId", "i-00000000"}, {"ProductCode", code()}})
            .text("//return"),
        "false");
}

TEST_F(MarketActionsTest, the_bill_of_the_buyer_and_the_statement_of_the_seller_agree) {
    buy();
    launch_it();
    settle();
    const std::string instance = done("DescribeInstances").text("//instanceId");
    done("TerminateInstances", {{"InstanceId.1", instance}});
    settle();
    const WirePairs grouped{{"GroupBy.1.Type", "DIMENSION"}, {"GroupBy.1.Key", "USAGE_TYPE"}};
    const std::string of_product = "//groups/item[keys/item='MP:" + code() + "']//amount";
    const auto bill = done("GetCostAndUsage", grouped).texts(of_product);
    become_owner();
    EXPECT_EQ(done("GetSellerStatement", grouped).texts(of_product), bill);
    EXPECT_EQ(bill.front(), "0.0041666667") << "a minute, at 0.25 an hour";
    EXPECT_THAT(done("GetSellerStatement",
                     {{"GroupBy.1.Type", "DIMENSION"}, {"GroupBy.1.Key", "LINKED_ACCOUNT"}})
                    .texts("//keys/item"),
                ElementsAre(buyer().str()));
    EXPECT_THAT(done("GetSellerStatement",
                     {{"GroupBy.1.Type", "DIMENSION"}, {"GroupBy.1.Key", "RESOURCE_ID"}})
                    .texts("//keys/item"),
                ElementsAre(code()))
        << "instances are their owners' affair";
}

}  // namespace

}  // namespace kiln::api::tests
