#include <gtest/gtest.h>

#include <string>

#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

constexpr const char* host_key = "dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key";

/// A guest that has lived, captured and sealed by real appliances.
class SealTest : public ::testing::Test {
  protected:
    SealTest() : host_("tiny") {
        host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
    }

    std::string run(const std::string& image) {
        const std::string id =
            host_.run_instance(image, {"--key-name", "k", "--instance-type", "t3.nano"});
        host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
        return id;
    }
    std::string seal(const std::string& image, const std::string& name,
                     const Arguments& options = {}) {
        Arguments arguments{"seal", image, "--name", name};
        arguments.insert(arguments.end(), options.begin(), options.end());
        return host_.kiln_json(arguments).at("ImageId");
    }

    KilnHost host_;
};

TEST_F(SealTest, a_sealed_image_boots_with_an_identity_of_its_own_and_without_a_past) {
    const std::string original = run(host_.image_id());
    const std::string old_key = host_.ssh(original, host_key);
    const std::string old_id = host_.ssh(original, "cat /etc/machine-id");
    host_.ssh(original,
              "echo secret >/root/.ash_history; echo who >/var/log/wtmp; echo kept >/root/kept; "
              "dd if=/dev/urandom of=/root/gone bs=1M count=24 2>/dev/null; sync; "
              "rm /root/gone; sync");
    const std::string captured =
        host_.kiln_json({"create-image", "--instance-id", original, "--name", "lived", "--wait"})
            .at("ImageId");

    const std::string sealed = seal(captured, "sealed");
    const auto image = host_.kiln_json({"describe-images", "--image-ids", sealed}).at("Images");
    EXPECT_EQ(image.at(0).at("State"), "available");
    EXPECT_EQ(image.at(0).at("SourceImageId"), captured);
    const std::string copy = run(sealed);
    EXPECT_EQ(host_.ssh(copy, "cat /root/kept"), "kept");
    EXPECT_EQ(host_.ssh(copy, "ls -A /root | grep -c history || true"), "0");
    EXPECT_EQ(host_.ssh(copy, "wc -c </var/log/wtmp"), "0");
    EXPECT_NE(host_.ssh(copy, "cat /etc/machine-id"), old_id);
    EXPECT_NE(host_.ssh(copy, host_key), old_key);

    const std::string sparse = seal(captured, "sparse", {"--sparsify"});
    EXPECT_EQ(host_.ssh(run(sparse), "cat /root/kept"), "kept");
}

TEST_F(SealTest, an_image_that_is_not_there_or_has_no_system_is_refused_with_the_reason) {
    host_.expect_refused({"seal", "ami-0123456789abcdef0", "--name", "sealed"},
                         "InvalidAMIID.NotFound");
    const std::string empty = host_
                                  .kiln_json({"create-volume", "--availability-zone", "local-1a",
                                              "--size", "1", "--wait"})
                                  .at("VolumeId");
    const std::string snapshot =
        host_.kiln_json({"create-snapshot", "--volume-id", empty, "--wait"}).at("SnapshotId");
    const std::string image =
        host_
            .kiln_json({"register-image", "--name", "empty", "--root-device-name", "/dev/xvda",
                        "--block-device-mappings",
                        "DeviceName=/dev/xvda,Ebs={SnapshotId=" + snapshot + "}"})
            .at("ImageId");
    const ProcessResult result = host_.kiln({"seal", image, "--name", "sealed"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_NE(result.standard_error.find("no operating system"), std::string::npos)
        << result.standard_error;
}

}  // namespace

}  // namespace kiln::tests
