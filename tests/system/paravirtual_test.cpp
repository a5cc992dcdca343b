#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>

#include "base/text.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* boot_id = "cat /proc/sys/kernel/random/boot_id";

/// Real paravirtual guests, in appliances that emulate the hardware where there is none.
class ParavirtualTest : public ::testing::Test {
  protected:
    /// One host for all: its appliance is built and saved once.
    static void SetUpTestSuite() {
        shared_ = std::make_unique<KilnHost>();
        shared_->kiln_json({"create-key-pair", "--key-name", "k", "--key-type", "ed25519"});
        shared_->kiln_json({"build", "pv-appliance", "--name", "pv-appliance"});
    }
    static void TearDownTestSuite() { shared_.reset(); }

    std::string build(const std::string& kernel) {
        return host_.kiln_json({"build", "tiny", "--name", kernel, "--kernel", kernel})
            .at("ImageId");
    }
    std::string run(const std::string& image) {
        const std::string id =
            host_.run_instance(image, {"--key-name", "k", "--instance-type", "t1.micro"});
        answer(id);
        return id;
    }
    void answer(const std::string& id) {
        host_.kiln_json({"describe-instance-status", "--instance-ids", id, "--wait"});
    }
    /// What only the guest can tell, in one connection: each takes seconds.
    void expect_paravirtual(const std::string& id) {
        const auto told = split(host_.ssh(id,
                                          "cd /sys/hypervisor; cat type guest_type uuid; date +%s; "
                                          "ls /dev | grep -c ^vd; "
                                          "basename $(readlink /sys/class/net/eth0/device/driver)"),
                                '\n');
        ASSERT_THAT(told, SizeIs(6));
        EXPECT_EQ(told[0], "xen");
        EXPECT_EQ(told[1], "PV");
        EXPECT_EQ(told[2].substr(0, 3), "ec2");
        EXPECT_LT(std::abs(std::stoll(told[3]) - std::time(nullptr)), 20)
            << "the clock of the saved machine";
        EXPECT_EQ(told[4], "0") << "no disk but Xen's";
        EXPECT_EQ(told[5], "vif");
    }
    struct Guests {
        std::string first;
        std::string second;  // of the image that was made of the first
    };
    Guests live(const std::string& kernel, const char* how_to_capture) {
        const std::string id = run(build(kernel));
        expect_paravirtual(id);
        EXPECT_EQ(host_.ssh(id, "cat /run/instance/instance-id"), id)
            << "from the metadata service";
        EXPECT_THAT(host_.kiln({"get-console-output", "--instance-id", id}).standard_output,
                    HasSubstr("kiln-tiny ready"));

        host_.ssh(id, "echo mine > /root/state; sync");
        host_.kiln_json({"stop-instances", "--instance-ids", id, "--wait"});
        host_.kiln_json({"start-instances", "--instance-ids", id, "--wait"});
        answer(id);
        EXPECT_EQ(host_.ssh(id, "cat /root/state"), "mine");

        const std::string captured =
            host_
                .kiln_json({"create-image", "--instance-id", id, "--name", kernel + " captured",
                            how_to_capture, "--wait"})
                .at("ImageId");
        const std::string second = run(captured);
        expect_paravirtual(second);
        EXPECT_EQ(host_.ssh(second, "cat /root/state"), "mine");
        return {.first = id, .second = second};
    }

    inline static std::unique_ptr<KilnHost> shared_;
    KilnHost& host_ = *shared_;
};

TEST_F(ParavirtualTest, a_guest_whose_file_system_has_the_disk_to_itself_lives_as_others_do) {
    const Guests guests = live("pv-grub-hd0", "--no-reboot");
    for (const std::string& guest : {guests.first, guests.second})
        host_.kiln_json({"terminate-instances", "--instance-ids", guest, "--wait"});
}

TEST_F(ParavirtualTest, a_guest_whose_file_system_is_in_a_partition_reboots_and_ends_by_itself) {
    const Guests guests = live("pv-grub-hd00", "--reboot");
    host_.kiln_json({"terminate-instances", "--instance-ids", guests.first, "--wait"});
    const std::string& id = guests.second;
    const std::string boot = host_.ssh(id, boot_id);
    host_.kiln_json({"reboot-instances", "--instance-ids", id});
    wait_until(
        "the guest has booted anew",
        [&] {
            const ProcessResult result = host_.kiln({"ssh", id, boot_id});
            return result.exit_status == 0 &&
                   result.standard_output.find(boot) == std::string::npos;
        },
        std::chrono::seconds(120));
    const std::string console =
        host_.kiln({"get-console-output", "--instance-id", id}).standard_output;
    EXPECT_NE(console.find("kiln-tiny ready", console.find("kiln-tiny ready") + 1),
              std::string::npos)
        << "the second boot is on the console, too";
    host_.kiln({"ssh", id, "poweroff"});
    wait_until(
        "the guest's own shutdown has stopped it",
        [&] { return host_.instance_state(id) == "stopped"; }, std::chrono::seconds(60));
}

}  // namespace

}  // namespace kiln::tests
