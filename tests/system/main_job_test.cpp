#include <gtest/gtest.h>

#include <string>

#include "base/file.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;

/// The main job of kiln on real guests of a tiny image: build, launch, capture, launch that.
class MainJobTest : public ::testing::Test {
  protected:
    MainJobTest() : host_("tiny") {
        host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
    }

    std::string run(const std::string& image, Arguments options = {}) {
        options.insert(options.end(), {"--key-name", "k", "--instance-type", "t3.nano"});
        const std::string id = host_.run_instance(image, options);
        host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
        return id;
    }
    std::string capture(const std::string& instance, const std::string& name,
                        const Arguments& options) {
        Arguments arguments{"create-image", "--instance-id", instance, "--name", name, "--wait"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return host_.kiln_json(arguments).at("ImageId");
    }
    std::string boot_id(const std::string& instance) {
        return host_.ssh(instance, "cat /proc/sys/kernel/random/boot_id");
    }
    void stop(const std::string& instance) {
        host_.kiln_json({"stop-instances", "--instance-ids", instance, "--wait"});
    }
    void start(const std::string& instance) {
        host_.kiln_json({"start-instances", "--instance-ids", instance, "--wait"});
    }
    void terminate(const std::string& instance) {
        host_.kiln_json({"terminate-instances", "--instance-ids", instance, "--wait"});
    }
    std::size_t layer_files() {
        const std::filesystem::directory_iterator files(host_.state_directory() / "layers");
        return static_cast<std::size_t>(std::distance(begin(files), end(files)));
    }

    KilnHost host_;
};

TEST_F(MainJobTest, two_instances_run_from_one_image_with_identities_of_their_own) {
    const auto answer =
        host_.kiln_json({"run-instances", "--image-id", host_.image_id(), "--instance-type",
                         "t3.nano", "--key-name", "k", "--count", "2", "--wait"});
    const std::string first = answer.at("Instances").at(0).at("InstanceId");
    const std::string second = answer.at("Instances").at(1).at("InstanceId");
    host_.kiln_json({"describe-instance-status", "--instance-ids", first, second, "--wait"});

    EXPECT_EQ(host_.ssh(first, "hostname"), host_.host_name(first));
    EXPECT_NE(host_.ssh(first, "cat /etc/machine-id"), host_.ssh(second, "cat /etc/machine-id"));
    EXPECT_NE(host_.ssh(first, "dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key"),
              host_.ssh(second, "dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key"));
    EXPECT_EQ(layer_files(), 3U) << "the image and one overlay each";
}

TEST_F(MainJobTest, an_image_captured_without_reboot_holds_what_was_written_and_the_guest_goes_on) {
    const std::string original = run(host_.image_id());
    host_.ssh(original, "echo captured > /root/file && sync");
    const std::string boot = boot_id(original);
    const std::string image = capture(original, "golden-2", {"--no-reboot"});
    EXPECT_EQ(boot_id(original), boot);
    host_.ssh(original, "echo later > /root/file && sync");

    const std::string copy = run(image);
    EXPECT_EQ(host_.ssh(copy, "cat /root/file"), "captured");
    EXPECT_EQ(host_.ssh(copy, "hostname"), host_.host_name(copy));
    EXPECT_NE(host_.ssh(copy, "cat /etc/machine-id"), host_.ssh(original, "cat /etc/machine-id"));
    EXPECT_EQ(host_.ssh(original, "cat /root/file"), "later");
}

TEST_F(MainJobTest, an_image_captured_with_reboot_is_flushed_and_the_api_says_running_throughout) {
    const std::string original = run(host_.image_id());
    host_.ssh(original, "echo unflushed > /root/file");
    const std::string boot = boot_id(original);
    const std::string image =
        host_.kiln_json({"create-image", "--instance-id", original, "--name", "golden-2"})
            .at("ImageId");
    wait_until(
        "the image is available",
        [&] {
            EXPECT_EQ(host_.instance_state(original), "running");
            const auto images = host_.kiln_json({"describe-images", "--image-ids", image});
            return images.at("Images").at(0).at("State") == "available";
        },
        seconds(120));
    host_.kiln_json({"describe-instance-status", "--instance-ids", original, "--wait"});

    EXPECT_NE(boot_id(original), boot);
    EXPECT_EQ(host_.ssh(run(image), "cat /root/file"), "unflushed");
}

TEST_F(MainJobTest, a_stopped_instance_of_another_type_keeps_its_files_and_sees_the_new_size) {
    const std::string id = run(host_.image_id());
    host_.ssh(id, "echo kept > /root/file");
    const int memory_before = std::stoi(host_.ssh(id, "awk '/MemTotal/ {print $2}' /proc/meminfo"));
    stop(id);
    EXPECT_EQ(host_.instance(id).at("StateReason").at("Code"), "Client.UserInitiatedShutdown");
    host_.kiln_json(
        {"modify-instance-attribute", "--instance-id", id, "--instance-type", "t2.micro"});
    start(id);
    EXPECT_EQ(host_.ssh(id, "cat /root/file"), "kept");
    EXPECT_EQ(host_.ssh(id, "nproc"), "1");
    EXPECT_GT(std::stoi(host_.ssh(id, "awk '/MemTotal/ {print $2}' /proc/meminfo")),
              memory_before + 400'000);
}

TEST_F(MainJobTest, deregistering_keeps_instances_and_descendants_and_frees_what_nothing_needs) {
    const std::string original = run(host_.image_id());
    const std::string image = capture(original, "golden-2", {"--no-reboot"});
    host_.kiln_json({"deregister-image", "--image-id", host_.image_id()});
    host_.expect_refused({"run-instances", "--image-id", host_.image_id()},
                         "InvalidAMIID.Unavailable");
    EXPECT_EQ(host_.instance_state(original), "running");
    const std::string copy = run(
        image, {"--block-device-mappings", "DeviceName=/dev/xvda,Ebs={DeleteOnTermination=false}"});
    const std::string kept =
        host_.instance(copy).at("BlockDeviceMappings").at(0).at("Ebs").at("VolumeId");
    terminate(original);
    terminate(copy);

    const auto volumes = host_.kiln_json({"describe-volumes"}).at("Volumes");
    ASSERT_EQ(volumes.size(), 1U);
    EXPECT_EQ(volumes.at(0).at("VolumeId"), kept);
    EXPECT_EQ(volumes.at(0).at("State"), "available");
    EXPECT_EQ(host_.kiln_json({"describe-snapshots"}).at("Snapshots").size(), 2U);
    EXPECT_EQ(layer_files(), 3U) << "two snapshots' layers and the volume that stayed";
}

TEST_F(MainJobTest, a_killed_service_finds_everything_as_it_is_when_it_starts_again) {
    const std::string goes_on = run(host_.image_id());
    const std::string stops = run(host_.image_id());
    const std::string ends =
        run(host_.image_id(), {"--instance-initiated-shutdown-behavior", "terminate"});
    const std::string boot = boot_id(goes_on);
    // The guests power off a moment later, when nobody looks.
    for (const std::string& id : {stops, ends}) {
        host_.ssh(id, "(sleep 3; poweroff) >/dev/null 2>&1 &");
    }
    host_.kill_service();
    wait_until(
        "two guests powered off",
        [] {
            const auto names = run_checked(
                {.arguments = {"virsh", "--connect", "qemu:///system", "list", "--name"}});
            return std::ranges::count(names, 'i') == 1;
        },
        seconds(60));

    wait_until(
        "the restarted service has settled",
        [&] {
            return host_.instance_state(stops) == "stopped" &&
                   host_.instance_state(ends) == "terminated";
        },
        seconds(30));
    EXPECT_EQ(host_.instance_state(goes_on), "running");
    EXPECT_EQ(boot_id(goes_on), boot);
    EXPECT_EQ(host_.instance(stops).at("StateReason").at("Code"),
              "Client.InstanceInitiatedShutdown");
    EXPECT_EQ(host_.kiln_json({"describe-images", "--owners", "self"}).at("Images").size(), 1U);
}

TEST_F(MainJobTest, a_reboot_boots_the_guest_anew_and_keeps_its_files) {
    const std::string id = run(host_.image_id());
    host_.ssh(id, "echo kept > /root/file; sync");
    const std::string boot = boot_id(id);
    host_.kiln_json({"reboot-instances", "--instance-ids", id});
    wait_until(
        "the guest has another boot id",
        [&] {
            const auto result = host_.kiln({"ssh", id, "cat /proc/sys/kernel/random/boot_id"});
            return result.exit_status == 0 &&
                   result.standard_output.find(boot) == std::string::npos;
        },
        seconds(120));
    EXPECT_EQ(host_.instance_state(id), "running");
    EXPECT_EQ(host_.ssh(id, "cat /root/file"), "kept");
}

TEST_F(MainJobTest, the_console_log_screenshot_and_user_data_of_a_guest_are_real) {
    const std::string script = "#!/bin/sh\necho user-data-was-here\n";
    const std::string id = run(host_.image_id(), {"--user-data", script});
    const auto output = host_.kiln_json({"get-console-output", "--instance-id", id});
    EXPECT_NE(output.at("Output").get<std::string>().find("user-data-was-here"), std::string::npos);
    const auto screen = host_.kiln_json({"get-console-screenshot", "--instance-id", id});
    EXPECT_TRUE(screen.at("ImageData").get<std::string>().starts_with("/9j/")) << "JPEG in base64";
}

TEST_F(MainJobTest, the_console_command_talks_to_the_guest) {
    const std::string id = run(host_.image_id());
    const auto result = host_.kiln({"console", id}, "\necho typed-$((40 + 2))\n");
    EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    EXPECT_NE(result.standard_output.find("typed-42"), std::string::npos) << result.standard_output;
}

}  // namespace

}  // namespace kiln::tests
