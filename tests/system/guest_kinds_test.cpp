#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "base/process.hpp"
#include "base/text.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;

/// Real guests of each architecture and boot mode, with what only the guest itself can tell.
class GuestKindsTest : public ::testing::Test {
  protected:
    GuestKindsTest() {
        host_.kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
    }

    std::string build(const std::string& name, Arguments options) {
        Arguments command{"build", "tiny", "--name", name};
        command.insert(command.end(), options.begin(), options.end());
        return host_.kiln_json(command).at("ImageId");
    }
    std::string run(const std::string& image, const std::string& type) {
        const std::string id =
            host_.run_instance(image, {"--key-name", "k", "--instance-type", type});
        answer(id);
        return id;
    }
    void answer(const std::string& id) {
        host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
    }
    void stop_and_start(const std::string& id) {
        host_.kiln_json({"stop-instances", "--instance-ids", id, "--wait"});
        host_.kiln_json({"start-instances", "--instance-ids", id, "--wait"});
        answer(id);
    }
    std::string capture(const std::string& id, const std::string& name) {
        return host_
            .kiln_json(
                {"create-image", "--instance-id", id, "--name", name, "--no-reboot", "--wait"})
            .at("ImageId");
    }
    nlohmann::json image(const std::string& id) {
        return host_.kiln_json({"describe-images", "--image-ids", id}).at("Images").at(0);
    }

    /// Stops and starts the guest, makes an image of it and runs that: what the guest wrote is
    /// there each time, and `machine` is still so.
    void live(const std::string& id, const std::string& type,
              const std::function<void(const std::string&)>& machine) {
        machine(id);
        host_.ssh(id, "echo mine > /root/state; sync");
        stop_and_start(id);
        machine(id);
        EXPECT_EQ(host_.ssh(id, "cat /root/state"), "mine");
        const std::string captured = run(capture(id, "captured"), type);
        machine(captured);
        EXPECT_EQ(host_.ssh(captured, "cat /root/state"), "mine");
    }

    KilnHost host_;
};

/// Where libvirt keeps the state of each, and what tells it from one that was made anew.
std::set<std::string> tpms() {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator("/var/lib/libvirt/swtpm")) {
        struct stat status {};
        if (::stat(entry.path().c_str(), &status) == 0)
            found.insert(fmt::format("{} {}", entry.path().string(), status.st_ino));
    }
    return found;
}

constexpr const char* firmware = "test -d /sys/firmware/efi && echo uefi || echo bios";
constexpr const char* variable =
    "/sys/firmware/efi/efivars/KilnTest-6b696c6e-0000-4000-8000-000000000001";

/// How it stops, starts and is captured, MainJobTest shows.
TEST_F(GuestKindsTest, x86_64_through_bios) {
    const std::string id = run(build("plain", {}), "t3.nano");
    EXPECT_EQ(host_.ssh(id, "uname -m"), "x86_64");
    EXPECT_EQ(host_.ssh(id, firmware), "bios");
}

TEST_F(GuestKindsTest, x86_64_through_uefi_with_variables_of_its_own) {
    const std::string image = build("uefi", {"--boot-mode", "uefi"});
    const std::string id = run(image, "t3.nano");
    EXPECT_EQ(host_.instance(id).at("CurrentInstanceBootMode"), "uefi");
    // Attributes, then the value: https://docs.kernel.org/filesystems/efivarfs.html
    host_.ssh(id, std::string("printf '\\007\\000\\000\\000kept' > ") + variable);
    live(id, "t3.nano", [&](const std::string& guest) {
        EXPECT_EQ(host_.ssh(guest, "uname -m"), "x86_64");
        EXPECT_EQ(host_.ssh(guest, firmware), "uefi");
        EXPECT_EQ(host_.ssh(guest, std::string("tail -c 4 ") + variable), "kept");
    });
    EXPECT_THAT(host_.ssh(run(image, "t3.nano"), std::string("ls ") + variable + " 2>&1 || true"),
                HasSubstr("No such file"))
        << "an image keeps nothing of its guests";
}

TEST_F(GuestKindsTest, x86_64_with_secure_boot_and_a_tpm) {
    const std::string made = build("secure", {"--secure-boot", "--tpm-support", "v2.0"});
    EXPECT_EQ(image(made).at("BootMode"), "uefi");
    EXPECT_EQ(image(made).at("TpmSupport"), "v2.0");
    const std::string id = run(made, "t3.nano");
    const std::set<std::string> of_the_first = tpms();
    EXPECT_THAT(of_the_first, SizeIs(1));
    live(id, "t3.nano", [&](const std::string& guest) {
        EXPECT_THAT(host_.ssh(guest, "dmesg | grep -i 'secure boot'"), HasSubstr("enabled"));
        EXPECT_EQ(host_.ssh(guest, "cat /sys/class/tpm/tpm0/tpm_version_major"), "2");
    });
    EXPECT_THAT(tpms(), SizeIs(2)) << "the captured image's has one of its own";
    EXPECT_THAT(tpms(), IsSupersetOf(of_the_first)) << "it was kept over the stop";
    host_.kiln_json({"terminate-instances", "--instance-ids", id, "--wait"});
    EXPECT_THAT(tpms(), SizeIs(1));
    EXPECT_THAT(tpms(), Not(IsSupersetOf(of_the_first)));
}

TEST_F(GuestKindsTest, a_disk_without_a_signature_does_not_boot_with_secure_boot) {
    const nlohmann::json plain = image(build("plain", {}));
    const std::string snapshot = plain.at("BlockDeviceMappings").at(0).at("Ebs").at("SnapshotId");
    const std::string wrong =
        host_
            .kiln_json({"register-image", "--name", "wrong", "--boot-mode", "uefi", "--secure-boot",
                        "--root-device-name", "/dev/xvda", "--block-device-mappings",
                        "DeviceName=/dev/xvda,Ebs={SnapshotId=" + snapshot + "}"})
            .at("ImageId");
    const std::string id = host_.run_instance(wrong, {"--instance-type", "t3.nano"});
    wait_until(
        "the firmware has refused the boot loader",
        [&] {
            const ProcessResult result = host_.kiln({"get-console-output", "--instance-id", id});
            return result.standard_output.find("Access Denied") != std::string::npos ||
                   result.standard_output.find("Security Violation") != std::string::npos;
        },
        std::chrono::seconds(120));
}

/// The release itself: not every mirror has whole lists of updates for i386.
std::string release_archive() {
    const ProcessResult targets = run_process(
        {.arguments = {"apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages",
                       "Codename: bookworm", "Origin: Debian", "Component: main"}});
    return split(targets.standard_output, '\n').front();
}

TEST_F(GuestKindsTest, i386) {
    const std::string image =
        build("narrow", {"--architecture", "i386", "--mirror", release_archive()});
    live(run(image, "t2.nano"), "t2.nano", [&](const std::string& id) {
        EXPECT_EQ(host_.ssh(id, "uname -m"), "i686");
        EXPECT_EQ(host_.ssh(id, firmware), "bios");
    });
    host_.expect_refused({"run-instances", "--image-id", image, "--instance-type", "t3.nano"},
                         "InvalidParameterCombination");
}

TEST_F(GuestKindsTest, arm64) {
    const std::string made = build("arm", {"--architecture", "arm64"});
    EXPECT_EQ(image(made).at("Architecture"), "arm64");
    live(run(made, "t4g.nano"), "t4g.nano", [&](const std::string& id) {
        EXPECT_EQ(host_.ssh(id, "uname -m"), "aarch64");
        EXPECT_EQ(host_.ssh(id, firmware), "uefi");
    });
    host_.expect_refused({"run-instances", "--image-id", made, "--instance-type", "t3.nano"},
                         "InvalidParameterCombination");
}

}  // namespace

}  // namespace kiln::tests
