#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "tests/places.hpp"
#include "tests/system/kiln_host.hpp"
#include "tests/system/signed_client.hpp"

namespace kiln::tests {

namespace {

using std::chrono::minutes;

/// Clients of EC2 as people have them, with their own words, at kiln's endpoint.
class Ec2ClientsTest : public testing::Test {
  protected:
    /// With the image of that recipe, two regions, and two accounts that have keys.
    void start(const std::string& recipe) {
        host_ = std::make_unique<KilnHost>(recipe);
        host_->configure(listen_to_signed_requests);
        host_->start_service();
        host_->kiln_json({"create-region", "--name", "local-2"});
        other_ = host_->kiln_json({"create-account", "--account-name", "other"}).at("Id");
        key_ = new_access_key(*host_, "");
        other_key_ = new_access_key(*host_, other_);
    }

    ProcessResult run(const Arguments& arguments, minutes limit = minutes(8)) const {
        return run_process(
            {.arguments = arguments,
             .time_limit = limit,
             .environment = {fmt::format("AWS_ENDPOINT_URL={}", endpoint_url),
                             "AWS_ACCESS_KEY_ID=" + key_.id, "AWS_SECRET_ACCESS_KEY=" + key_.secret,
                             "AWS_DEFAULT_REGION=local-1", "AWS_EC2_METADATA_DISABLED=true",
                             "OTHER_ACCESS_KEY_ID=" + other_key_.id,
                             "OTHER_SECRET_ACCESS_KEY=" + other_key_.secret,
                             "HOME=" + host_->home().string(), "CHECKPOINT_DISABLE=1",
                             "ANSIBLE_NOCOLOR=1", "ANSIBLE_LOCALHOST_WARNING=False",
                             "LC_ALL=C.UTF-8"},
             .working_directory = std::string(places::source_directory) + "/tests/clients"});
    }

    /// A session ends with "N checks, N failed" and tells what failed before that.
    void expect_session(const Arguments& arguments, int least_checks) const {
        const ProcessResult result = run(arguments);
        EXPECT_EQ(result.exit_status, 0) << result.standard_error;
        std::smatch said;
        const bool is_told = std::regex_search(result.standard_output, said,
                                               std::regex("([0-9]+) checks, ([0-9]+) failed"));
        ASSERT_TRUE(is_told) << result.standard_output;
        EXPECT_GE(std::stoi(said[1]), least_checks);
        EXPECT_EQ(said[2], "0");
    }

    /// Plays it and says how much it changed.
    int changes_of_play(const std::string& play) const {
        const ProcessResult result =
            run({"ansible-playbook", "-i", "localhost,", "-e", "image=" + host_->image_id(), "-e",
                 fmt::format("{{\"other\": \"{}\"}}", other_), play});
        EXPECT_EQ(result.exit_status, 0) << result.standard_output << result.standard_error;
        std::smatch said;
        const bool is_told =
            std::regex_search(result.standard_output, said, std::regex("changed=([0-9]+)"));
        EXPECT_TRUE(is_told) << result.standard_output;
        return is_told ? std::stoi(said[1]) : -1;
    }

    nlohmann::json images_named(const std::string& name) const {
        return host_
            ->kiln_json(
                {"describe-images", "--owners", "self", "--filters", "Name=name,Values=" + name})
            .at("Images");
    }

    std::unique_ptr<KilnHost> host_;
    std::string other_;
    AccessKey key_;
    AccessKey other_key_;
};

TEST_F(Ec2ClientsTest, the_aws_cli_does_all_that_clients_need) {
    start("tiny");
    expect_session({"./awscli-session", host_->image_id()}, 120);
}

TEST_F(Ec2ClientsTest, boto3_has_its_resources_waiters_and_pages) {
    start("tiny");
    expect_session({"./boto3-session", host_->image_id()}, 15);
}

TEST_F(Ec2ClientsTest, what_terraform_calls_is_answered_as_it_needs_it) {
    start("tiny");
    expect_session({"./terraform-session", host_->image_id(), other_}, 30);
}

TEST_F(Ec2ClientsTest, the_sdk_for_javascript_takes_an_image_through_its_life) {
    start("tiny");
    expect_session({"node", "sdk-session.js", host_->image_id(), other_}, 12);
}

TEST_F(Ec2ClientsTest, a_second_run_of_an_ansible_play_changes_nothing) {
    start("tiny");
    EXPECT_GT(changes_of_play("ansible-present.yml"), 0);
    EXPECT_EQ(images_named("by-ansible").size(), 1U);
    EXPECT_EQ(changes_of_play("ansible-present.yml"), 0);
    EXPECT_GT(changes_of_play("ansible-absent.yml"), 0);
    EXPECT_EQ(images_named("by-ansible").size(), 0U);
    EXPECT_EQ(changes_of_play("ansible-absent.yml"), 0);
}

/// A suite of its own, since it takes as long as the others together.
class PackerTest : public Ec2ClientsTest {};

/// With a Debian: Packer's ssh client and the tiny image's server have no algorithm in common.
TEST_F(PackerTest, builds_an_image_that_boots_and_holds_what_it_changed) {
    start("debian-12");
    const ProcessResult built =
        run({"packer", "build", "-color=false", "-var", "image=" + host_->image_id(), "-var",
             "other=" + other_, "packer-image.json"},
            minutes(15));
    ASSERT_EQ(built.exit_status, 0) << built.standard_output << built.standard_error;
    const nlohmann::json image = images_named("by-packer").at(0);
    EXPECT_EQ(image.at("Description"), "made by Packer");
    EXPECT_EQ(image.at("Tags"), nlohmann::json::parse(R"([{"Key": "made", "Value": "packer"}])"));
    const nlohmann::json shared = host_->kiln_json({"describe-image-attribute", "--image-id",
                                                    image.at("ImageId").get<std::string>(),
                                                    "--attribute", "launchPermission"});
    EXPECT_EQ(shared.at("LaunchPermissions").at(0).at("UserId"), other_);
    host_->work_in("local-2");
    EXPECT_EQ(images_named("by-packer").at(0).at("State"), "available");
    host_->work_in("");
    const nlohmann::json left =
        host_->kiln_json({"describe-instances", "--filters",
                          "Name=instance-state-name,Values=pending,running,stopping,stopped"});
    EXPECT_EQ(left.at("Reservations").size(), 0U);
    EXPECT_EQ(host_->kiln_json({"describe-key-pairs"}).at("KeyPairs").size(), 0U);

    host_->kiln_json({"create-key-pair", "--key-name", "k"});
    const std::string instance = host_->run_instance(image.at("ImageId"), {"--key-name", "k"});
    host_->kiln_json({"describe-instance-status", "--instance-ids", instance, "--wait"});
    EXPECT_EQ(host_->ssh(instance, "cat /etc/packed"), "packed");
}

}  // namespace

}  // namespace kiln::tests
