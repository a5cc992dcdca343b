#include <gtest/gtest.h>

#include <string>

#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;

/// Volumes and snapshots as a real guest sees them.
class VolumesTest : public ::testing::Test {
  protected:
    VolumesTest() : host_("tiny") {
        host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
        instance_ = run({});
    }

    std::string run(Arguments options) {
        options.insert(options.end(), {"--key-name", "k", "--instance-type", "t3.nano"});
        const std::string id = host_.run_instance(host_.image_id(), options);
        host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
        return id;
    }
    std::string create(const Arguments& options) {
        Arguments arguments{"create-volume", "--availability-zone", "local-1a", "--wait"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return host_.kiln_json(arguments).at("VolumeId");
    }
    void attach(const std::string& volume, const std::string& device = "/dev/sdf") {
        host_.kiln_json({"attach-volume", "--volume-id", volume, "--instance-id", instance_,
                         "--device", device, "--wait"});
    }
    /// The instance's volume of that device.
    std::string volume_at(const std::string& device) {
        const nlohmann::json described = host_.instance(instance_);
        for (const auto& mapping : described.at("BlockDeviceMappings")) {
            if (mapping.at("DeviceName") == device) return mapping.at("Ebs").at("VolumeId");
        }
        return "";
    }
    std::string root_volume() { return volume_at(host_.instance(instance_).at("RootDeviceName")); }
    void detach(const std::string& volume) {
        host_.kiln_json({"detach-volume", "--volume-id", volume, "--wait"});
    }
    std::string snap(const std::string& volume) {
        return host_.kiln_json({"create-snapshot", "--volume-id", volume, "--wait"})
            .at("SnapshotId");
    }
    /// "/dev/vdb": the guest's name of the volume; empty when it has no such disk.
    std::string device_of(std::string volume) {
        std::erase(volume, '-');
        return host_.ssh(instance_, "for d in /sys/block/vd*; do [ \"$(cat $d/serial)\" = " +
                                        volume + " ] && echo /dev/${d##*/}; done; true");
    }
    std::string wait_for_device(const std::string& volume) {
        std::string device;
        wait_until(
            "the guest has the disk", [&] { return !(device = device_of(volume)).empty(); },
            seconds(30));
        return device;
    }
    void write_to(const std::string& device, const std::string& text) {
        host_.ssh(instance_, "echo '" + text + "' | dd of=" + device + " conv=fsync 2>/dev/null");
    }
    std::string content_of(const std::string& device) {
        return host_.ssh(instance_, "head -n 1 " + device);
    }

    KilnHost host_;
    std::string instance_;
};

TEST_F(VolumesTest, a_running_guest_gains_writes_grows_and_loses_a_volume) {
    const std::string volume = create({"--size", "1"});
    attach(volume);
    const std::string device = wait_for_device(volume);
    write_to(device, "the first state");
    host_.kiln_json({"modify-volume", "--volume-id", volume, "--size", "2", "--wait"});
    EXPECT_EQ(host_.ssh(instance_, "blockdev --getsize64 " + device), "2147483648");

    const std::string snapshot = snap(volume);
    write_to(device, "the second state");
    detach(volume);
    EXPECT_EQ(device_of(volume), "");

    const std::string copy = create({"--snapshot-id", snapshot, "--size", "3"});
    attach(copy);
    const std::string copy_device = wait_for_device(copy);
    EXPECT_EQ(content_of(copy_device), "the first state");
    EXPECT_EQ(host_.ssh(instance_, "blockdev --getsize64 " + copy_device), "3221225472");
    detach(copy);
    attach(volume);
    EXPECT_EQ(content_of(wait_for_device(volume)), "the second state");
    host_.expect_refused({"delete-volume", "--volume-id", volume}, "VolumeInUse");
    host_.kiln_json({"delete-volume", "--volume-id", copy});
}

TEST_F(VolumesTest, a_volume_stays_with_a_stopped_instance_and_in_its_image) {
    const std::string volume = create({"--size", "1"});
    attach(volume);
    write_to(wait_for_device(volume), "kept over the stop");
    // Has the same file systems as the root.
    attach(create({"--snapshot-id", snap(root_volume())}), "/dev/sdb");
    host_.kiln_json({"stop-instances", "--instance-ids", instance_, "--wait"});
    host_.kiln_json({"start-instances", "--instance-ids", instance_, "--wait"});
    host_.kiln_json({"describe-instance-status", "--instance-ids", instance_, "--wait"});
    EXPECT_EQ(content_of(wait_for_device(volume)), "kept over the stop");
    EXPECT_EQ(host_.ssh(instance_, "grep -c '^/dev/vda[0-9]* / ' /proc/mounts"), "1");

    const std::string image = host_
                                  .kiln_json({"create-image", "--instance-id", instance_, "--name",
                                              "with-data", "--no-reboot", "--wait"})
                                  .at("ImageId");
    write_to(device_of(volume), "written after the capture");
    const std::string original = instance_;
    instance_ = host_.run_instance(image, {"--key-name", "k", "--instance-type", "t3.nano"});
    host_.kiln_json({"describe-instance-status", "--instance-ids", instance_, "--wait"});
    EXPECT_EQ(content_of(wait_for_device(volume_at("/dev/sdf"))), "kept over the stop");
    instance_ = original;
    EXPECT_EQ(content_of(device_of(volume)), "written after the capture");
}

TEST_F(VolumesTest, a_guest_that_is_captured_often_stands_on_few_layers_and_each_image_is_whole) {
    constexpr int captures = 20;
    const std::string root = root_volume();
    const auto depth = [&] {
        return host_.kiln_json({"describe-volumes", "--volume-ids", root})
            .at("Volumes")
            .at(0)
            .at("ChainDepth")
            .get<int>();
    };
    const std::string boot = host_.ssh(instance_, "cat /proc/sys/kernel/random/boot_id");
    std::vector<std::string> images;
    for (int i = 0; i < captures; ++i) {
        host_.ssh(instance_, "dd if=/dev/urandom of=/root/data bs=64k count=8 2>/dev/null; echo " +
                                 std::to_string(i) +
                                 " >/root/state; "
                                 "sha256sum /root/data >/root/sum; sync");
        images.push_back(host_
                             .kiln_json({"create-image", "--instance-id", instance_, "--name",
                                         "state-" + std::to_string(i), "--no-reboot", "--wait"})
                             .at("ImageId"));
        EXPECT_LE(depth(), 16);
    }
    EXPECT_EQ(host_.ssh(instance_, "cat /proc/sys/kernel/random/boot_id"), boot);
    EXPECT_EQ(host_.ssh(instance_, "sha256sum -c /root/sum && cat /root/state"),
              "/root/data: OK\n" + std::to_string(captures - 1));

    const std::string original = instance_;
    for (const int i : {5, 13, captures - 1}) {
        instance_ = host_.run_instance(images.at(static_cast<std::size_t>(i)),
                                       {"--key-name", "k", "--instance-type", "t3.nano"});
        host_.kiln_json({"describe-instance-status", "--instance-ids", instance_, "--wait"});
        EXPECT_EQ(host_.ssh(instance_, "sha256sum -c /root/sum && cat /root/state"),
                  "/root/data: OK\n" + std::to_string(i));
        host_.kiln_json({"terminate-instances", "--instance-ids", instance_, "--wait"});
    }
    instance_ = original;
}

TEST_F(VolumesTest, a_service_that_is_killed_while_it_detaches_ends_the_detachment) {
    const std::string volume = create({"--size", "1"});
    attach(volume);
    wait_for_device(volume);
    host_.kiln_json({"detach-volume", "--volume-id", volume});
    host_.kill_service();
    wait_until(
        "the volume is available",
        [&] {
            return host_.kiln_json({"describe-volumes", "--volume-ids", volume})
                       .at("Volumes")
                       .at(0)
                       .at("State") == "available";
        },
        seconds(60));
    EXPECT_EQ(device_of(volume), "");
}

}  // namespace

}  // namespace kiln::tests
