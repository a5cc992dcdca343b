#include <gtest/gtest.h>

#include <string>

#include "base/file.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;

const std::string no_instance = "i-0123456789abcdef0";
const std::string no_image = "ami-0123456789abcdef0";

TEST(RefusalTest, what_cannot_be_done_is_refused_with_ec2s_code_and_nothing_is_left_behind) {
    const KilnHost host("tiny");
    const std::string& image = host.image_id();
    host.expect_refused({"run-instances", "--image-id", no_image}, "InvalidAMIID.NotFound");
    host.expect_refused({"run-instances", "--image-id", "ami-xyz"}, "InvalidAMIID.Malformed");
    host.expect_refused({"describe-instances", "--instance-ids", "i-1"},
                        "InvalidInstanceID.Malformed");
    host.expect_refused({"describe-instances", "--instance-ids", no_instance},
                        "InvalidInstanceID.NotFound");
    host.expect_refused({"run-instances", "--image-id", image, "--instance-type", "t9.huge"},
                        "InvalidParameterValue");
    host.expect_refused({"run-instances", "--image-id", image, "--instance-type", "r5.24xlarge"},
                        "InsufficientInstanceCapacity");
    host.expect_refused({"run-instances", "--image-id", image, "--key-name", "none"},
                        "InvalidKeyPair.NotFound");
    host.expect_refused(
        {"run-instances", "--image-id", image, "--user-data", std::string(16385, 'x')},
        "InvalidParameterValue");
    host.expect_refused({"build-image", "--recipe", "tiny", "--name", "ab"},
                        "InvalidAMIName.Malformed");
    host.expect_refused({"build-image", "--recipe", "tiny", "--name", "tiny"},
                        "InvalidAMIName.Duplicate");
    host.expect_refused({"stop-instances", "--instance-ids", no_instance},
                        "InvalidInstanceID.NotFound");
    host.expect_refused({"deregister-image", "--image-id", no_image}, "InvalidAMIID.NotFound");
    host.expect_refused({"delete-tags", "--resources", no_image}, "InvalidAMIID.NotFound");
    EXPECT_EQ(host.kiln({"run-instances", "--image-idd", image}).exit_status, 2);

    EXPECT_TRUE(host.kiln_json({"describe-instances"}).at("Reservations").empty());
    EXPECT_TRUE(host.kiln_json({"describe-volumes"}).at("Volumes").empty());
}

TEST(RefusalTest, an_instance_in_the_wrong_state_or_protected_is_left_as_it_is) {
    const KilnHost host("tiny");
    const std::string id = host.run_instance(
        host.image_id(), {"--instance-type", "t3.nano", "--disable-api-termination"});
    host.expect_refused(
        {"modify-instance-attribute", "--instance-id", id, "--instance-type", "t3.micro"},
        "IncorrectInstanceState");
    host.expect_refused({"terminate-instances", "--instance-ids", id}, "OperationNotPermitted");
    host.kiln_json({"stop-instances", "--instance-ids", id, "--force", "--wait"});
    const auto again = host.kiln_json({"stop-instances", "--instance-ids", id});
    EXPECT_EQ(again.at("StoppingInstances").at(0).at("CurrentState").at("Name"), "stopped");
    host.expect_refused({"describe-instance-connection", "--instance-id", id},
                        "IncorrectInstanceState");
    host.kiln_json(
        {"modify-instance-attribute", "--instance-id", id, "--no-disable-api-termination"});
    host.kiln_json({"terminate-instances", "--instance-ids", id, "--wait"});
    host.expect_refused({"stop-instances", "--instance-ids", id}, "IncorrectInstanceState");
    host.expect_refused({"start-instances", "--instance-ids", id}, "IncorrectInstanceState");
}

TEST(RefusalTest,
     an_image_that_is_being_built_cannot_be_launched_and_a_cancelled_build_leaves_nothing) {
    const KilnHost host;
    const std::string image =
        host.kiln_json({"build-image", "--recipe", "tiny", "--name", "slow"}).at("ImageId");
    host.expect_refused({"run-instances", "--image-id", image}, "InvalidAMIID.Unavailable");
    host.kiln_json({"cancel-image-build", "--image-id", image});
    const auto is_empty = [&](const char* name) {
        const auto path = host.state_directory() / name;
        return !std::filesystem::exists(path) || std::filesystem::is_empty(path);
    };
    EXPECT_TRUE(is_empty("builds"));
    EXPECT_TRUE(is_empty("layers"));
    EXPECT_TRUE(host.kiln_json({"describe-snapshots"}).at("Snapshots").empty());
}

TEST(RefusalTest, a_machine_that_qemu_cannot_start_ends_terminated_with_the_cause) {
    const KilnHost host("tiny");
    // The layer's file is replaced by one that is no qcow2 file, as a failing disk would.
    const auto layers = std::filesystem::directory_iterator(host.state_directory() / "layers");
    const auto layer = layers->path();
    host.start_service();
    std::filesystem::rename(layer, layer.string() + ".away");
    const auto answer = host.kiln(
        {"run-instances", "--image-id", host.image_id(), "--instance-type", "t3.nano", "--wait"});
    std::filesystem::rename(layer.string() + ".away", layer);

    EXPECT_EQ(answer.exit_status, 1);
    const auto instance =
        host.kiln_json({"describe-instances"}).at("Reservations").at(0).at("Instances").at(0);
    EXPECT_EQ(instance.at("State").at("Name"), "terminated");
    EXPECT_EQ(instance.at("StateReason").at("Code"), "Server.InternalError");
    EXPECT_NE(instance.at("StateReason").at("Message").get<std::string>().find("layer-"),
              std::string::npos);
    EXPECT_TRUE(host.kiln_json({"describe-volumes"}).at("Volumes").empty());
}

TEST(RefusalTest, a_second_service_on_one_state_directory_is_refused) {
    const KilnHost host;
    host.start_service();
    const auto second = host.kiln({"serve"});
    EXPECT_EQ(second.exit_status, 1);
    EXPECT_NE(second.standard_error.find("another kiln service"), std::string::npos)
        << second.standard_error;
    host.start_service();
}

TEST(RefusalTest, a_deleted_state_directory_ends_the_service_with_a_clear_word) {
    const KilnHost host;
    host.start_service();
    std::filesystem::remove_all(host.state_directory());
    const auto answer = host.kiln({"create-key-pair", "--key-name", "k"});
    const bool told = answer.standard_error.find("was deleted") != std::string::npos;
    // The service may have ended by itself in between; then a new one has started with nothing.
    EXPECT_TRUE(told || answer.exit_status == 0) << answer.standard_error;
}

TEST(RefusalTest, a_full_disk_refuses_new_instances_and_running_ones_go_on) {
    const KilnHost host("tiny");
    const std::string id = host.run_instance(host.image_id(), {"--instance-type", "t3.nano"});
    host.stop_service();
    const auto free_mib = free_space(host.state_directory()).in_mebibytes();
    write_file_atomically(host.home() / "kiln.yaml",
                          "free_space_reserve_mib: " + std::to_string(free_mib + 4096) + "\n",
                          0644);
    ::setenv("KILN_CONFIG", (host.home() / "kiln.yaml").c_str(), 1);
    host.expect_refused({"run-instances", "--image-id", host.image_id()},
                        "InsufficientInstanceCapacity");
    host.expect_refused({"create-image", "--instance-id", id, "--name", "full", "--no-reboot"},
                        "InsufficientInstanceCapacity");
    ::unsetenv("KILN_CONFIG");
    EXPECT_EQ(host.instance_state(id), "running");
    EXPECT_EQ(host.kiln_json({"describe-images"}).at("Images").size(), 1U);
}

}  // namespace

}  // namespace kiln::tests
