#include <gtest/gtest.h>

#include <string>

#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using std::chrono::seconds;

class InstanceStoreTest : public ::testing::Test {
  protected:
    InstanceStoreTest() : host_("tiny") {
        host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
    }

    std::string run(const std::string& image, const std::string& type) {
        const std::string id =
            host_.run_instance(image, {"--key-name", "k", "--instance-type", type});
        host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
        return id;
    }

    KilnHost host_;
};

TEST_F(InstanceStoreTest, a_running_guest_is_bundled_and_guests_of_the_bundle_are_ephemeral) {
    const std::string original = run(host_.image_id(), "t3.nano");
    host_.ssh(original, "echo bundled > /root/state; sync");
    host_.kiln_json({"bundle-instance", "--instance-id", original, "--storage",
                     "S3={Bucket=images,Prefix=tiny}", "--wait"});
    host_.ssh(original, "echo later > /root/state");
    const std::string location = "images/tiny.manifest.xml";
    const std::string image =
        host_.kiln_json({"register-image", "--name", "ephemeral", "--image-location", location})
            .at("ImageId");

    const std::string id = run(image, "m3.medium");
    EXPECT_EQ(host_.ssh(id, "cat /root/state"), "bundled");
    EXPECT_EQ(host_.instance(id).at("RootDeviceType"), "instance-store");
    host_.ssh(id, "echo written > /root/state; sync");
    host_.expect_refused({"stop-instances", "--instance-ids", id}, "UnsupportedOperation");

    const std::string boot = host_.ssh(id, "cat /proc/sys/kernel/random/boot_id");
    host_.kiln_json({"reboot-instances", "--instance-ids", id});
    wait_until(
        "the guest has booted anew",
        [&] {
            const ProcessResult result =
                host_.kiln({"ssh", id, "cat /proc/sys/kernel/random/boot_id"});
            return result.exit_status == 0 &&
                   result.standard_output.find(boot) == std::string::npos;
        },
        seconds(120));
    EXPECT_EQ(host_.ssh(id, "cat /root/state"), "written") << "a reboot keeps it";

    host_.kiln({"ssh", id, "poweroff"});
    wait_until(
        "the guest's own shutdown has terminated it",
        [&] { return host_.instance_state(id) == "terminated"; }, seconds(60));
    const std::string second = run(image, "t3.nano");
    EXPECT_EQ(host_.ssh(second, "cat /root/state"), "bundled") << "what the first wrote is gone";
}

TEST_F(InstanceStoreTest, an_ephemeral_disk_of_the_type_is_there_and_is_empty_after_a_stop) {
    const std::string id = run(host_.image_id(), "c5d.large");
    EXPECT_EQ(host_.ssh(id, "cat /sys/block/vdb/size"), "104857600") << "50 GiB";
    host_.ssh(id, "echo there | dd of=/dev/vdb conv=fsync 2>/dev/null");
    EXPECT_EQ(host_.ssh(id, "head -n 1 /dev/vdb"), "there");
    host_.kiln_json({"stop-instances", "--instance-ids", id, "--wait"});
    host_.kiln_json({"start-instances", "--instance-ids", id, "--wait"});
    host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
    EXPECT_EQ(host_.ssh(id, "head -c 5 /dev/vdb | tr -d '\\0' | wc -c"), "0");
}

}  // namespace

}  // namespace kiln::tests
