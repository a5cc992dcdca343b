#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/places.hpp"
#include "tests/system/kiln_host.hpp"

namespace kiln::tests {

namespace {

using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;
using Files = std::set<fs::path>;

constexpr uid_t anybody = 30'001;
constexpr std::chrono::seconds limit{20};

/// An account with its running guest.
struct Tenant {
    std::string account;
    std::string instance;
    std::string uid;  // of its QEMU
    std::string gid;
};

/// Two accounts with guests of one public image, which a third may launch and does not.
class AccountIsolationTest : public testing::Test {
  protected:
    AccountIsolationTest() : host_("tiny") {
        host_.start_service();
        host_.kiln_json({"modify-image-attribute", "--image-id", host_.image_id(),
                         "--launch-permission", "Add=[{Group=all}]"});
        first_ = tenant("first");
        second_ = tenant("second");
        base_ = backing_file_of(disk_of(first_));
    }

    Tenant tenant(const std::string& name) {
        Tenant tenant{.account =
                          host_.kiln_json({"create-account", "--account-name", name}).at("Id")};
        launch(tenant, host_.image_id());
        return tenant;
    }
    void launch(Tenant& tenant, const std::string& image) {
        host_.act_as(tenant.account);
        tenant.instance = host_.run_instance(image, {"--instance-type", "t3.micro"});
        host_.act_as("");
        tenant.uid = status_of(tenant, "Uid");
        tenant.gid = status_of(tenant, "Gid");
    }
    void as(const Tenant& tenant, const Arguments& arguments) {
        host_.act_as(tenant.account);
        host_.kiln_json(arguments);
        host_.act_as("");
    }

    static std::string process_of(const Tenant& tenant) {
        return std::string(
            trim(read_file(fmt::format("/run/libvirt/qemu/{}.pid", tenant.instance))));
    }
    /// The first value of a line of its QEMU's /proc/PID/status.
    static std::string status_of(const Tenant& tenant, const std::string& key) {
        const std::string status = read_file(fmt::format("/proc/{}/status", process_of(tenant)));
        for (const std::string& line : split(status, '\n')) {
            if (line.starts_with(key + ":"))
                return split(std::string(trim(line.substr(key.size() + 1))), '\t').front();
        }
        throw Error(error_code::internal_error, key, "no such line in a process's status");
    }
    static fs::path disk_of(const Tenant& tenant) {
        const std::string disks = run_checked(
            {.arguments = {"virsh", "-c", "qemu:///system", "-q", "domblklist", tenant.instance}});
        const std::string line = split(disks, '\n').front();
        return std::string(trim(line.substr(line.find('/'))));
    }
    static fs::path backing_file_of(const fs::path& disk) {
        const std::string info = run_checked(
            {.arguments = {"qemu-img", "info", "--force-share", "--output", "json", disk}});
        return nlohmann::json::parse(info).at("full-backing-filename");
    }

    static ProcessResult run_as(const std::string& uid, const std::string& gid,
                                const Arguments& command) {
        std::vector<std::string> arguments{"setpriv", "--reuid=" + uid, "--regid=" + gid,
                                           "--clear-groups"};
        arguments.insert(arguments.end(), command.begin(), command.end());
        return run_process({.arguments = arguments});
    }
    /// Which of the service's files somebody can read, by their paths and through the processes of
    /// the tenants.
    Files readable_by(const std::string& uid, const std::string& gid) const {
        Arguments command{"sh", "-c",
                          R"(for f; do head -c 1 "$f" >/dev/null 2>&1 && echo "$f"; done; true)",
                          "sh"};
        for (const auto& entry : fs::recursive_directory_iterator(host_.state_directory())) {
            if (entry.is_regular_file()) command.push_back(entry.path());
        }
        Files files;
        for (const std::string& line : split(run_as(uid, gid, command).standard_output, '\n'))
            if (!line.empty()) files.insert(line);
        return files;
    }
    Files readable_by(const Tenant& tenant) const { return readable_by(tenant.uid, tenant.gid); }
    /// Those of its instance's own directory: seed, firmware variables.
    Files own_files_of(const Tenant& tenant, Files files) const {
        const fs::path directory = host_.state_directory() / "instances" / tenant.instance;
        for (const auto& entry : fs::recursive_directory_iterator(directory)) {
            struct stat status {};
            EXPECT_EQ(::stat(entry.path().c_str(), &status), 0);
            if (std::to_string(status.st_uid) == tenant.uid) files.insert(entry.path());
        }
        return files;
    }
    void expect_reads(const Tenant& tenant, const Files& layers) const {
        EXPECT_EQ(readable_by(tenant), own_files_of(tenant, layers));
    }
    static bool can_write(const Tenant& tenant, const fs::path& file) {
        return run_as(tenant.uid, tenant.gid,
                      {"dd", "if=/dev/null", "of=" + file.string(), "conv=notrunc", "status=none"})
                   .exit_status == 0;
    }
    void wait_until_nothing_is_readable_by(const Tenant& tenant) const {
        wait_until(
            "the layers are closed", [&] { return readable_by(tenant).empty(); }, limit);
    }

    KilnHost host_;
    Tenant first_;
    Tenant second_;
    fs::path base_;
};

TEST_F(AccountIsolationTest, guests_of_different_accounts_run_as_different_users_in_a_sandbox) {
    EXPECT_NE(first_.uid, second_.uid);
    for (const Tenant& tenant : {first_, second_}) {
        EXPECT_EQ(status_of(tenant, "Seccomp"), "2") << "filtered";
        EXPECT_EQ(status_of(tenant, "CapEff"), "0000000000000000");
        EXPECT_GE(std::stoul(tenant.uid), 2130706432U);
    }
    Tenant twin{.account = first_.account};
    launch(twin, host_.image_id());
    EXPECT_EQ(twin.uid, first_.uid);
}

TEST_F(AccountIsolationTest, one_account_s_qemu_cannot_open_what_is_another_s) {
    expect_reads(first_, {base_, disk_of(first_)});
    expect_reads(second_, {base_, disk_of(second_)});
    EXPECT_THAT(readable_by(std::to_string(anybody), std::to_string(anybody)), IsEmpty());
    EXPECT_TRUE(can_write(first_, disk_of(first_)));
    EXPECT_FALSE(can_write(second_, disk_of(first_)));
    EXPECT_FALSE(can_write(first_, base_));
    // Nor through what the other has open.
    for (const char* door : {"fd", "root", "mem"}) {
        const std::string path = fmt::format("/proc/{}/{}", process_of(first_), door);
        EXPECT_NE(run_as(second_.uid, second_.gid, {"test", "-r", path}).exit_status, 0) << path;
    }
}

TEST_F(AccountIsolationTest, what_is_captured_stays_its_account_s_until_it_is_shared) {
    const fs::path captured = disk_of(first_);
    host_.act_as(first_.account);
    const std::string image = host_
                                  .kiln_json({"create-image", "--instance-id", first_.instance,
                                              "--name", "captured", "--no-reboot", "--wait"})
                                  .at("ImageId");
    host_.act_as("");
    expect_reads(first_, {base_, captured, disk_of(first_)});
    expect_reads(second_, {base_, disk_of(second_)});
    EXPECT_FALSE(can_write(first_, captured));
    struct stat status {};
    ASSERT_EQ(::stat(captured.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0U) << "the service's";

    as(first_, {"modify-image-attribute", "--image-id", image, "--launch-permission",
                "Add=[{UserId=" + second_.account + "}]"});
    expect_reads(second_, {base_, disk_of(second_)});
    Tenant buyer{.account = second_.account};
    launch(buyer, image);
    EXPECT_EQ(buyer.uid, second_.uid);
    expect_reads(buyer, {base_, captured, disk_of(second_), disk_of(buyer)});
    // The share ends; the guest that stands on it does not.
    as(first_, {"reset-image-attribute", "--image-id", image, "--attribute", "launchPermission"});
    as(buyer, {"reboot-instances", "--instance-ids", buyer.instance});
    expect_reads(buyer, {base_, captured, disk_of(second_), disk_of(buyer)});
    as(buyer, {"terminate-instances", "--instance-ids", buyer.instance, "--wait"});
    wait_until(
        "the captured layer is closed", [&] { return !readable_by(second_).contains(captured); },
        limit);
    expect_reads(second_, {base_, disk_of(second_)});
}

TEST_F(AccountIsolationTest, who_has_no_guest_on_a_layer_cannot_read_it) {
    const fs::path disk = disk_of(first_);
    as(first_, {"stop-instances", "--instance-ids", first_.instance, "--wait"});
    wait_until_nothing_is_readable_by(first_);
    struct stat status {};
    ASSERT_EQ(::stat(disk.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0U);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);

    as(first_, {"start-instances", "--instance-ids", first_.instance, "--wait"});
    expect_reads(first_, {base_, disk});

    host_.kill_service();
    host_.start_service();
    expect_reads(first_, {base_, disk});
    for (const Tenant& tenant : {first_, second_})
        as(tenant, {"terminate-instances", "--instance-ids", tenant.instance, "--wait"});
    wait_until_nothing_is_readable_by(first_);
    wait_until_nothing_is_readable_by(second_);
    const fs::perms mode = fs::status(base_).permissions();
    EXPECT_EQ(mode, fs::perms(0400)) << "nobody is named any more";
}

TEST_F(AccountIsolationTest, a_guest_that_broke_out_has_no_account) {
    const fs::path program = host_.home() / "kiln";
    fs::copy_file(places::kiln, program);
    fs::permissions(host_.socket(), fs::perms{0666});
    const ProcessResult refused =
        run_as(first_.uid, first_.gid,
               {"env", "KILN_SOCKET=" + host_.socket().string(), "HOME=" + host_.home().string(),
                program, "describe-images"});
    EXPECT_EQ(refused.exit_status, 1);
    EXPECT_THAT(refused.standard_error, HasSubstr("AuthFailure"));
}

}  // namespace

}  // namespace kiln::tests
