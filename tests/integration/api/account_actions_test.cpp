#include <gmock/gmock.h>

#include "images/catalog/volume.hpp"
#include "tests/integration/api/actions_fixture.hpp"

namespace kiln::api::tests {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class AccountActionsTest : public ActionsTest {
  protected:
    std::string new_account(const std::string& name, const WirePairs& more = {}) {
        WirePairs pairs{{"AccountName", name}};
        pairs.insert(pairs.end(), more.begin(), more.end());
        return done("CreateAccount", pairs).text("/CreateAccountResponse/id");
    }
    std::string new_unit(const std::string& name, const std::string& parent = "") {
        WirePairs pairs{{"Name", name}};
        if (!parent.empty()) pairs.emplace_back("ParentId", parent);
        return done("CreateOrganizationalUnit", pairs).text("/CreateOrganizationalUnitResponse/id");
    }
    std::vector<std::string> images_of_sender() {
        return done("DescribeImages", images_alone()).texts("//imageId");
    }
    void set_quota(const std::string& name, const std::string& most) {
        const Answer answer =
            done("ModifyAccountQuotas", {{"AccountId", caller().account.str()}, {name, most}});
        const std::string quota = name == "VolumeGib" ? "volume-gib" : to_kebab_case(name);
        EXPECT_EQ(answer.text("//quotaSet/item[quotaName='" + quota + "']/value"),
                  most == "-1" ? "" : most);
    }
};

TEST_F(AccountActionsTest, accounts_are_made_renamed_mapped_moved_closed_and_opened_again) {
    const std::string id = new_account("lab", {{"Alias", "lab-1"}, {"Uid.1", "1001"}});
    const std::string unit = new_unit("school");
    EXPECT_EQ(done("MapUsers", {{"AccountId", id}, {"Uid.1", "1002"}}).texts("//uidSet/item"),
              (std::vector<std::string>{"1001", "1002"}));
    EXPECT_EQ(done("RenameAccount", {{"AccountId", id}, {"AccountName", "shed"}, {"Alias", ""}})
                  .texts("//name | //alias"),
              std::vector<std::string>{"shed"});
    EXPECT_EQ(
        done("MoveAccount", {{"AccountId", id}, {"DestinationParentId", unit}}).text("//parentId"),
        unit);
    EXPECT_EQ(send("DeleteOrganizationalUnit", {{"OrganizationalUnitId", unit}}).code,
              "OrganizationalUnitNotEmptyException");
    EXPECT_EQ(done("CloseAccount", {{"AccountId", id}}).text("//status"), "SUSPENDED");
    EXPECT_EQ(send("CloseAccount", {{"AccountId", id}}).code, "AccountAlreadyClosedException");
    EXPECT_EQ(done("ReopenAccount", {{"AccountId", id}}).text("//status"), "ACTIVE");
    EXPECT_THAT(done("ListAccounts").texts("//accountSet/item/id"),
                ElementsAre(caller().account.str(), stranger().owner.str(), id));
    EXPECT_EQ(done("DescribeOrganization").text("//masterAccountId"), caller().account.str());
    done("UpdateOrganizationalUnit", {{"OrganizationalUnitId", unit}, {"Name", "academy"}});
    EXPECT_EQ(done("ListOrganizationalUnits").texts("//name"), std::vector<std::string>{"academy"});
}

TEST_F(AccountActionsTest, what_cannot_be_is_refused_and_changes_nothing) {
    const std::string id = new_account("lab", {{"Alias", "lab-1"}});
    const std::string own = caller().account.str();
    EXPECT_EQ(send("CreateAccount", {{"AccountName", ""}}).code, "MissingParameter");
    EXPECT_EQ(send("CreateAccount", {{"AccountName", std::string(51, 'x')}}).code,
              "InvalidInputException");
    EXPECT_EQ(send("CreateAccount", {{"AccountName", "x"}, {"Alias", "lab-1"}}).code,
              "EntityAlreadyExists");
    EXPECT_EQ(send("CreateAccount", {{"AccountName", "x"}, {"Alias", "A"}}).code,
              "ValidationError");
    EXPECT_EQ(send("CreateAccount", {{"AccountName", "x"}, {"Uid.1", "root"}}).code,
              "InvalidParameterValue");
    EXPECT_EQ(send("CreateAccount", {{"AccountName", "x"}, {"DryRun", "true"}}).code,
              "DryRunOperation");
    EXPECT_EQ(send("RenameAccount", {{"AccountId", id}}).code, "MissingParameter");
    EXPECT_EQ(send("CloseAccount", {{"AccountId", "999999999999"}}).code,
              "AccountNotFoundException");
    EXPECT_EQ(send("CloseAccount", {{"AccountId", own}}).code, "ConstraintViolationException");
    EXPECT_EQ(
        send("MoveAccount", {{"AccountId", id}, {"DestinationParentId", "ou-1234-12345678"}}).code,
        "DestinationParentNotFoundException");
    EXPECT_THAT(done("ListAccounts").texts("//accountSet/item/name"),
                ElementsAre("owner", "stranger", "lab"));
}

TEST_F(AccountActionsTest, others_than_administrators_see_their_own_account_and_change_none) {
    const std::string id = new_account("lab");
    const std::string other = new_account("shed");
    become(id);
    EXPECT_EQ(done("ListAccounts").texts("//accountSet/item/id"), std::vector<std::string>{id});
    EXPECT_EQ(done("GetCallerIdentity").texts("//account | //administrator"),
              (std::vector<std::string>{id, "false"}));
    for (const char* action : {"CloseAccount", "ReopenAccount", "RenameAccount"}) {
        EXPECT_EQ(send(action, {{"AccountId", other}}).code, "UnauthorizedOperation") << action;
    }
    EXPECT_EQ(send("CreateAccount", {{"AccountName", "mine"}}).code, "UnauthorizedOperation");
    EXPECT_EQ(send("MapUsers", {{"AccountId", id}, {"Uid.1", "0"}}).code, "UnauthorizedOperation");
    EXPECT_EQ(send("ModifyAccountQuotas", {{"AccountId", id}, {"Images", "-1"}}).code,
              "UnauthorizedOperation");
    EXPECT_EQ(send("CreateOrganizationalUnit", {{"Name", "mine"}}).code, "UnauthorizedOperation");
}

TEST_F(AccountActionsTest, the_instances_of_a_closed_account_stop_and_its_shares_end) {
    const std::string image = golden().str();
    const std::string lab = new_account("lab");
    const std::string shed = new_account("shed");
    done("ModifyImageAttribute", {{"ImageId", image}, {"LaunchPermission.Add.1.Group", "all"}});
    become(lab);
    const std::string instance = launch();
    const std::string copy =
        done("CreateImage", {{"InstanceId", instance}, {"Name", "copy"}, {"NoReboot", "true"}})
            .text("//imageId");
    settle();
    done("ModifyImageAttribute", {{"ImageId", copy}, {"LaunchPermission.Add.1.UserId", shed}});
    become_owner();
    done("CloseAccount", {{"AccountId", lab}});
    settle();
    become(shed);
    EXPECT_THAT(images_of_sender(), ElementsAre(image));
    EXPECT_EQ(send("DescribeImages", {{"ImageId.1", copy}}).code, "InvalidAMIID.NotFound");
    become(lab);
    EXPECT_EQ(done("DescribeInstances").texts("//instanceState/name"),
              std::vector<std::string>{"stopped"});
    become_owner();
    done("ReopenAccount", {{"AccountId", lab}});
    become(shed);
    EXPECT_THAT(images_of_sender(), ElementsAre(image, copy));
}

TEST_F(AccountActionsTest, a_quota_refuses_what_goes_beyond_it_and_takes_nothing_away) {
    golden();
    const std::string volume = new_volume();
    const std::string instance = launch();
    set_quota("Instances", "1");
    set_quota("VolumeGib", "2");
    set_quota("Images", "1");
    const WirePairs another{{"ImageId", golden().str()},
                            {"InstanceType", "t3.micro"},
                            {"MinCount", "1"},
                            {"MaxCount", "1"}};
    EXPECT_EQ(send("RunInstances", another).code, "InstanceLimitExceeded");
    EXPECT_EQ(send("CreateVolume", {{"AvailabilityZone", "local-1a"}, {"Size", "9"}}).code,
              "VolumeLimitExceeded");
    EXPECT_EQ(send("ModifyVolume", {{"VolumeId", volume}, {"Size", "9"}}).code,
              "VolumeLimitExceeded");
    EXPECT_EQ(send("CreateImage", {{"InstanceId", instance}, {"Name", "copy"}}).code,
              "ResourceLimitExceeded");
    const auto put_modification = [&](images::ModificationState state) {
        write([&](Session& session) {
            images::put_volume_modification(session, {.volume = VolumeId(volume),
                                                      .state = state,
                                                      .original_size = Bytes::gibibytes(1),
                                                      .target_size = Bytes::gibibytes(2),
                                                      .started = now()});
        });
    };
    put_modification(images::ModificationState::modifying);
    EXPECT_EQ(done("DescribeAccountQuotas").texts("//used").at(2), "3") << "is about to have";
    put_modification(images::ModificationState::failed);
    stop(instance);
    set_quota("Vcpus", "1");
    const Answer refused = send("StartInstances", {{"InstanceId.1", instance}});
    EXPECT_EQ(refused.code, "VcpuLimitExceeded");
    EXPECT_THAT(refused.text("//Message"), HasSubstr("--vcpus"));
    EXPECT_THAT(done("DescribeAccountQuotas").texts("//used"), ElementsAre("1", "0", "2", "1"));
    EXPECT_THAT(done("DescribeAccountQuotas").texts("//value"), ElementsAre("1", "1", "2", "1"));
    EXPECT_THAT(done("DescribeAccountAttributes", {{"AttributeName.1", "max-instances"}})
                    .texts("//attributeValue"),
                ElementsAre("1"));
    set_quota("Vcpus", "-1");
    done("StartInstances", {{"InstanceId.1", instance}});
    settle();
    EXPECT_EQ(send("ModifyAccountQuotas", {{"AccountId", caller().account.str()}}).code,
              "MissingParameter");
}

}  // namespace

}  // namespace kiln::api::tests
