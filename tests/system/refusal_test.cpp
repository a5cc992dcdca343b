#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <string>

#include "base/process.hpp"
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
    host.start_service();
    // kiln itself can read the image, QEMU's user cannot pass to it.
    const auto pool = host.state_directory() / "layers";
    const auto passable = std::filesystem::status(pool).permissions();
    std::filesystem::permissions(pool, std::filesystem::perms{0700});
    const auto answer = host.kiln(
        {"run-instances", "--image-id", host.image_id(), "--instance-type", "t3.nano", "--wait"});
    std::filesystem::permissions(pool, passable);

    EXPECT_EQ(answer.exit_status, 1);
    const auto instance =
        host.kiln_json({"describe-instances"}).at("Reservations").at(0).at("Instances").at(0);
    EXPECT_EQ(instance.at("State").at("Name"), "terminated");
    EXPECT_EQ(instance.at("StateReason").at("Code"), "Server.InternalError");
    const std::string cause = instance.at("StateReason").at("Message");
    EXPECT_NE(cause.find((pool / "layer-").string()), std::string::npos) << cause;
    EXPECT_NE(cause.find("Permission denied"), std::string::npos) << cause;
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
    auto service = std::async(std::launch::async, [&] { return host.kiln({"serve"}); });
    wait_until(
        "the service answers", [&] { return std::filesystem::exists(host.socket()); },
        std::chrono::seconds(60));
    std::filesystem::remove_all(host.state_directory());
    const ProcessResult end = service.get();
    EXPECT_EQ(end.exit_status, 1);
    EXPECT_NE(end.standard_error.find("was deleted"), std::string::npos) << end.standard_error;
}

/// The layers of a host on a small file system of their own, until the end of the scope.
class SmallPool {
  public:
    SmallPool(const KilnHost& host, int mebibytes)
        : layers_(host.state_directory() / "layers"), image_(host.home() / "small.img") {
        const std::string other = (host.home() / "other").string();
        const std::string size = std::to_string(mebibytes) + "M";
        run_checked({.arguments = {"truncate", "--size=" + size, image_.string()}});
        run_checked({.arguments = {"mkfs.ext4", "-q", "-m", "0", image_.string()}});
        std::filesystem::rename(layers_, other);
        std::filesystem::create_directory(layers_);
        run_checked({.arguments = {"mount", "-o", "loop", image_.string(), layers_.string()}});
        run_checked({.arguments = {"cp", "--archive", other + "/.", layers_.string()}});
    }
    ~SmallPool() { run_process({.arguments = {"umount", "--lazy", layers_.string()}}); }
    SmallPool(const SmallPool&) = delete;
    SmallPool& operator=(const SmallPool&) = delete;

    void fill(int mebibytes) const {
        run_checked(
            {.arguments = {"fallocate", "--length", std::to_string(mebibytes) + "M", filler()}});
    }
    void make_space() const { std::filesystem::remove(filler()); }

  private:
    std::string filler() const { return layers_ / "filler"; }

    std::filesystem::path layers_;
    std::filesystem::path image_;
};

TEST(RefusalTest, a_full_disk_refuses_what_needs_space_and_its_guests_wait_until_there_is_some) {
    const KilnHost host("tiny");
    host.configure("free_space_reserve_mib: 8\n");
    const SmallPool pool(host, 220);
    const std::string key = "k";
    host.kiln_json({"create-key-pair", "--key-name", key});
    const std::string id =
        host.run_instance(host.image_id(), {"--instance-type", "t3.nano", "--key-name", key});
    host.ssh(id, "true");
    pool.fill(90);
    host.ssh(id,
             "(dd if=/dev/urandom of=/written bs=1M count=100; sync; md5sum /written > /sum) "
             "</dev/null >/dev/null 2>&1 &");
    const auto status = [&] {
        return host.kiln_json({"describe-instance-status", "--instance-ids", id})
            .at("InstanceStatuses")
            .at(0)
            .at("InstanceStatus")
            .at("Status");
    };
    wait_until(
        "the guest is paused", [&] { return status() == "impaired"; }, std::chrono::minutes(3));
    EXPECT_EQ(host.instance_state(id), "running");
    host.expect_refused({"run-instances", "--image-id", host.image_id()},
                        "InsufficientInstanceCapacity");
    host.expect_refused({"create-image", "--instance-id", id, "--name", "full", "--no-reboot"},
                        "InsufficientInstanceCapacity");
    EXPECT_EQ(host.kiln_json({"describe-images", "--owners", "self"}).at("Images").size(), 1U);

    pool.make_space();
    host.ssh(id, "while ! [ -s /sum ]; do sleep 1; done; md5sum -c /sum");
    wait_until(
        "the guest is well again", [&] { return status() == "ok"; }, std::chrono::minutes(1));
    host.kiln_json({"terminate-instances", "--instance-ids", id, "--wait"});
}

}  // namespace

}  // namespace kiln::tests
