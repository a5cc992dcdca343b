#include "builder/offline/offline_system.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <thread>

#include "base/file.hpp"
#include "images/layers/qemu_img.hpp"
#include "tests/catalog_fixture.hpp"
#include "tests/integration/appliance/small_linux.hpp"

namespace kiln::builder {

namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using tests::DiskView;
using tests::SmallLinux;

constexpr const char* odd_name = "/odd/a file's \"name\"\nin two lines $HOME *";

/// A disk with a system that has lived, in one appliance for all tests.
class OfflineSystemTest : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { shared_ = std::make_unique<Shared>(); }
    static void TearDownTestSuite() { shared_.reset(); }

    static OfflineSystem& system() { return *shared_->system; }
    static fs::path path(const std::string& name) { return shared_->directory.path() / name; }
    static fs::path disk() { return path("disk.qcow2"); }
    static fs::path make_overlay(const std::string& name, const fs::path& backing) {
        fs::path overlay = path(name);
        images::qemu_img::create(
            {.path = overlay, .size = Bytes::mebibytes(96), .backing = backing});
        return overlay;
    }

    static void apply(StepAction action, seconds time_limit = seconds(300)) {
        shared_->said.clear();
        system().apply({.name = "step", .action = std::move(action), .time_limit = time_limit});
    }
    /// What a script says that runs in the system, line by line.
    static std::vector<std::string> run(const std::string& script,
                                        const Environment& environment = {}) {
        apply(RunStep{.script = script, .environment = environment});
        return shared_->said;
    }

    struct Shared {
        Shared() {
            const SmallLinux linux(directory.path() / "tree");
            linux.write("/etc/machine-id", "0123\n");
            linux.write("/etc/dropbear/dropbear_ed25519_host_key", "secret");
            linux.write("/etc/ssh/ssh_host_rsa_key", "secret");
            linux.write("/etc/ssh/sshd_config", "UsePAM yes\n");
            linux.write("/root/.bash_history", "passwd\n");
            linux.write("/home/web/.python_history", "import os\n");
            linux.write("/var/log/old/deep.log", "who was here\n");
            linux.write("/var/log/messages.1", "long ago\n");
            linux.write("/var/lib/dhcp/dhclient.leases", "lease\n");
            linux.write("/var/lib/cloud/instances/i-1/datasource", "Ec2\n");
            linux.write("/var/lib/cloud/seed/nocloud/meta-data", "kept\n");
            linux.make_disk(directory.path() / "disk.qcow2");
            system = std::make_unique<OfflineSystem>(
                OfflineDiskSpec{.disk = directory.path() / "disk.qcow2",
                                .architecture = images::Architecture::x86_64,
                                .on_log = [this](std::string_view l) { said.emplace_back(l); }},
                OfflineTools{.directory = directory.path()});
        }

        tests::TemporaryDirectory directory;
        std::vector<std::string> said;
        std::unique_ptr<OfflineSystem> system;
    };

  private:
    static inline std::unique_ptr<Shared> shared_;
};

TEST_F(OfflineSystemTest, files_of_any_name_and_content_are_there_with_mode_and_owner) {
    const std::string bytes("a\0b\n\xff", 5);
    apply(FilesStep{
        {{.path = odd_name, .content = bytes, .mode = 0640},
         {.path = "/srv/deep/down/page", .content = "page", .owner = "web", .group = "web"},
         {.path = "/usr/bin/tool",
          .content = "#!/bin/sh\n",
          .mode = 04755,
          .owner = "7",
          .group = "8"}}});
    EXPECT_THAT(run("cd /odd; wc -c <\"$NAME\"; stat -c '%a %u' \"$NAME\"; od -An -tx1 \"$NAME\"",
                    {{"NAME", odd_name}}),
                ElementsAre("5", "640 0", " 61 00 62 0a ff"));
    EXPECT_THAT(run("stat -c '%a %u %g' /srv/deep/down/page /usr/bin/tool /srv/deep"),
                ElementsAre("644 33 34", "4755 7 8", "755 0 0"));
}

TEST_F(OfflineSystemTest, a_file_takes_the_place_of_what_was_there_but_of_no_directory) {
    run("echo target >/etc/target; ln -sf target /etc/link; mkdir -p /etc/directory");
    apply(FilesStep{{{.path = "/etc/link", .content = "new\n"}}});
    EXPECT_THAT(run("cat /etc/target /etc/link; [ ! -L /etc/link ] && echo file"),
                ElementsAre("target", "new", "file"));
    EXPECT_THAT(tests::error_message_of(
                    [] { apply(FilesStep{{{.path = "/etc/directory", .content = "x"}}}); }),
                HasSubstr("/etc/directory"));
}

TEST_F(OfflineSystemTest, an_owner_whom_the_system_does_not_know_is_refused_by_name) {
    const auto write = [] { apply(FilesStep{{{.path = "/x", .owner = "nobody-here"}}}); };
    EXPECT_EQ(tests::error_code_of(write), "BuildFailed");
    EXPECT_THAT(tests::error_message_of(write), HasSubstr("no such user"));
    EXPECT_THAT(tests::error_message_of([] { apply(FilesStep{{{.path = "/x", .group = "g"}}}); }),
                HasSubstr("the group g"));
}

TEST_F(OfflineSystemTest, users_are_made_with_keys_and_rights) {
    apply(UsersStep{{{.name = "ann",
                      .groups = {"makers"},
                      .ssh_keys = {"ssh-ed25519 AAAA ann"},
                      .sudo = true}}});
    EXPECT_THAT(run("tail -n 1 /var/useradd; grep -c ^makers: /etc/group"),
                ElementsAre("--create-home --user-group --groups makers -- ann", "1"));
    EXPECT_THAT(run("cd /home/ann/.ssh; cat authorized_keys; stat -c '%a %U' . authorized_keys; "
                    "cat /etc/sudoers.d/90-kiln-ann; stat -c %a /etc/sudoers.d/90-kiln-ann"),
                ElementsAre("ssh-ed25519 AAAA ann", "700 ann", "600 ann",
                            "ann ALL=(ALL:ALL) NOPASSWD: ALL", "440"));

    apply(UsersStep{{{.name = "ann", .ssh_keys = {"ssh-ed25519 BBBB ann"}}}});
    EXPECT_THAT(run("wc -l </home/ann/.ssh/authorized_keys; wc -l </var/useradd"),
                ElementsAre("2", "1"));
}

TEST_F(OfflineSystemTest, a_script_runs_as_root_with_the_file_systems_of_a_kernel) {
    EXPECT_THAT(run("id -u; pwd; [ -e /proc/self ] && [ -d /sys/kernel ] && [ -c /dev/null ]; "
                    "echo done >&2"),
                ElementsAre("0", "/", "done"));
    EXPECT_THAT(run("ls -A /tmp | wc -l"), ElementsAre("1")) << "its own directory alone";
}

TEST_F(OfflineSystemTest, a_script_that_fails_tells_its_last_words_and_the_next_one_runs) {
    const auto fail = [] { run("echo begun; echo 'no such thing' >&2; exit 4"); };
    EXPECT_EQ(tests::error_code_of(fail), "BuildFailed");
    EXPECT_THAT(tests::error_message_of(fail),
                AllOf(HasSubstr("exit status 4"), HasSubstr("no such thing")));
    EXPECT_THAT(run("ls /tmp | grep -c kiln- || true"), ElementsAre("1"));
}

TEST_F(OfflineSystemTest, a_script_that_takes_too_long_is_ended_alone) {
    const auto sleep = [] { apply(RunStep{.script = "echo begun; sleep 1000"}, seconds(1)); };
    EXPECT_THAT(tests::error_message_of(sleep), HasSubstr("longer than 1 s: begun"));
    EXPECT_THAT(run("echo on"), ElementsAre("on"));
}

TEST_F(OfflineSystemTest, each_layer_is_clean_and_holds_what_was_done_until_it) {
    const fs::path first = make_overlay("first.qcow2", disk());
    system().go_on_in(first);
    // What it leaves running holds a file open, which nobody could unmount.
    run("echo one >/root/one; (exec 9>>/root/one; sleep 1000) >/dev/null 2>&1 &");
    const fs::path second = make_overlay("second.qcow2", first);
    system().go_on_in(second);
    run("echo two >/root/two");
    const fs::path third = make_overlay("third.qcow2", second);
    system().go_on_in(third);

    const DiskView below(first, path("first.raw"));
    EXPECT_TRUE(below.is_clean());
    EXPECT_EQ(below.ask("cat /root/one"), "one\n");
    EXPECT_THAT(below.ask("ls -p /root"), Not(HasSubstr("/two/")));
    const DiskView above(second, path("second.raw"));
    EXPECT_TRUE(above.is_clean());
    EXPECT_EQ(above.ask("cat /root/two"), "two\n");
    EXPECT_NO_THROW(images::qemu_img::check(second));
    EXPECT_THAT(run("cat /root/one /root/two"), ElementsAre("one", "two"));
}

TEST_F(OfflineSystemTest, sealing_leaves_nothing_of_its_own_and_the_rest) {
    apply(SealStep{});
    EXPECT_THAT(
        run("wc -c </etc/machine-id; ls /etc/ssh /etc/dropbear; ls -A /root/.*_history "
            "/home/web/.python_history /var/lib/dhcp/* /var/log/messages.1 2>/dev/null || true; "
            "wc -c </var/log/old/deep.log; ls /var/lib/cloud"),
        ElementsAre("0", "/etc/dropbear:", "/etc/ssh:", "sshd_config", "0", "seed"));
}

TEST_F(OfflineSystemTest, packages_need_a_package_system) {
    EXPECT_THAT(tests::error_message_of([] { apply(PackagesStep{{"nginx"}}); }),
                HasSubstr("has no apt"));
}

TEST_F(OfflineSystemTest, a_step_that_needs_an_instance_is_refused) {
    EXPECT_THAT(tests::error_message_of([] { apply(CloudConfigStep{"#cloud-config\n"}); }),
                HasSubstr("needs an instance"));
}

/// Systems with an appliance of their own.
class OtherSystemTest : public ::testing::Test {
  protected:
    OtherSystemTest() : linux_(directory_.path() / "tree") {}

    fs::path disk() const { return directory_.path() / "disk.qcow2"; }
    const SmallLinux& linux() const { return linux_; }
    std::unique_ptr<OfflineSystem> open(std::stop_token stop = {},
                                        std::function<void(std::string_view)> on_log = {}) {
        return std::make_unique<OfflineSystem>(
            OfflineDiskSpec{.disk = disk(),
                            .architecture = images::Architecture::arm64,
                            .on_log = std::move(on_log),
                            .stop = std::move(stop)},
            OfflineTools{.directory = directory_.path() / "o"});
    }
    static Step step(StepAction action) { return {.name = "step", .action = std::move(action)}; }
    bool nothing_is_left() const { return fs::is_empty(directory_.path() / "o"); }

  private:
    tests::TemporaryDirectory directory_;
    SmallLinux linux_;
};

TEST_F(OtherSystemTest, of_another_architecture_are_changed_and_sealed_but_run_nothing) {
    std::string program = read_file("/usr/bin/busybox", Bytes::mebibytes(16));
    program.replace(18, 2, std::string("\xb7\0", 2));  // e_machine: AArch64
    linux().write("/bin/busybox", program, 0755);
    linux().write("/etc/machine-id", "0123\n");
    linux().make_disk(disk());
    const auto system = open();
    system->apply(step(FilesStep{{{.path = "/etc/made", .content = "made\n"}}}));
    system->apply(step(SealStep{}));
    for (const StepAction& action :
         {StepAction(RunStep{.script = "true"}), StepAction(UsersStep{{{.name = "ann"}}}),
          StepAction(PackagesStep{{"nginx"}})}) {
        EXPECT_THAT(tests::error_message_of([&] { system->apply(step(action)); }),
                    AllOf(HasSubstr("aarch64"), HasSubstr("provision")));
    }
    system->finish();
    EXPECT_TRUE(nothing_is_left());
    const DiskView view(disk(), disk().string() + ".raw");
    EXPECT_EQ(view.ask("cat /etc/made"), "made\n");
    EXPECT_THAT(view.ask("cat /etc/machine-id"), IsEmpty());
    EXPECT_TRUE(view.is_clean());
}

TEST_F(OtherSystemTest, a_stop_ends_a_script_at_once_and_leaves_nothing) {
    linux().make_disk(disk());
    std::stop_source stop;
    const auto system = open(stop.get_token(), {});
    system->apply(step(RunStep{.script = "mkfifo /root/never"}));
    const std::jthread canceler([&] { stop.request_stop(); });
    EXPECT_EQ(
        tests::error_code_of([&] { system->apply(step(RunStep{.script = "cat /root/never"})); }),
        "Canceled");
}

TEST_F(OtherSystemTest, a_disk_without_a_system_is_refused) {
    images::qemu_img::create({.path = disk(), .size = Bytes::mebibytes(8)});
    EXPECT_THAT(tests::error_message_of([&] { open()->apply(step(FilesStep{{{.path = "/x"}}})); }),
                HasSubstr("no operating system"));
    EXPECT_TRUE(nothing_is_left());
}

TEST_F(OtherSystemTest, that_are_trimmed_have_holes_where_files_were) {
    linux().write("/root/large", std::string(32U << 20U, 'x'));
    linux().make_disk(disk());
    const Bytes before = allocated_size(disk());
    const auto system = open();
    system->apply(step(FilesStep{{{.path = "/root/large", .content = ""}}}));
    system->trim();
    system->finish();
    EXPECT_LT(allocated_size(disk()).value, before.value - (24U << 20U));
}

TEST_F(OtherSystemTest, nothing_is_started_for_a_disk_without_steps) {
    linux().make_disk(disk());
    const auto system = open();
    const fs::path overlay = disk().parent_path() / "overlay.qcow2";
    images::qemu_img::create({.path = overlay, .size = Bytes::mebibytes(96), .backing = disk()});
    system->go_on_in(overlay);
    system->finish();
    EXPECT_FALSE(fs::exists(disk().parent_path() / "o"));
}

}  // namespace

}  // namespace kiln::builder
