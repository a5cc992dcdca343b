#include "hypervisor/hypervisor.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "hypervisor/firmware/firmware.hpp"
#include "tests/system/hypervisor/journal.hpp"
#include "tests/system/hypervisor/tiny_guest.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::hypervisor {
namespace {

std::string libvirt_uri() {
    const char* uri = std::getenv("KILN_LIBVIRT_URI");
    if (uri == nullptr) throw Error("", "", "KILN_LIBVIRT_URI is not set");
    return uri;
}

std::filesystem::path new_overlay(const std::filesystem::path& path,
                                  const std::filesystem::path& backing) {
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
                               backing.string(), path.string()}});
    return path;
}

void freeze(const std::filesystem::path& layer) {
    ASSERT_EQ(::chmod(layer.c_str(), 0444), 0);
    ASSERT_EQ(::chown(layer.c_str(), 0, 0), 0);
}

void expect_still_frozen(const std::filesystem::path& layer) {
    struct stat status {};
    ASSERT_EQ(::stat(layer.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0U) << layer;
    EXPECT_EQ(status.st_mode & 07777U, 0444U) << layer;
}

std::string read_from_port(std::uint16_t port) {
    const Fd connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        throw system_error("connect to the forwarded port");
    }
    char buffer[64];
    const ssize_t count = ::read(connection.get(), buffer, sizeof buffer);
    return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : "";
}

/// A tiny guest with a disk of three layers, ready when the fixture is.
class RunningGuest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
        run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "qcow2", file("base"), "1G"}});
        new_overlay(file("middle"), file("base"));
        new_overlay(file("top"), file("middle"));
        freeze(file("base"));
        freeze(file("middle"));
        hypervisor_ = connect(libvirt_uri());
        hypervisor_->set_event_listener([this](const DomainEvent& event) { events_.add(event); });
        start_guest();
    }

    void TearDown() override {
        if (!hypervisor_) return;
        console_.reset();
        hypervisor_->destroy(name_);
        hypervisor_->set_event_listener(nullptr);
        expect_still_frozen(file("base"));
        expect_still_frozen(file("middle"));
    }

    virtual std::string kernel_arguments() const { return ""; }

    void start_guest() {
        const tests::TinyGuest guest = tests::make_tiny_guest(directory_.path());
        hypervisor_->start_domain({
            .name = name_,
            .uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ab",
            .title = "tiny <guest>",
            .catalog_id = "catalog-1",
            .memory = Bytes::mebibytes(192),
            .kernel = guest.kernel,
            .ramdisk = guest.ramdisk,
            .kernel_arguments = "console=ttyS0 quiet panic=1 " + kernel_arguments(),
            .disks = {{.target = "vda",
                       .serial = "vol0",
                       .chain = {{file("top")}, {file("middle")}, {file("base")}}},
                      {.target = "vdb",
                       .serial = "vol1",
                       .chain = {{new_overlay(file("data"), file("base"))}}}},
            .interfaces = {{.mac_address = "52:54:00:00:00:01"}},
            .spare_disk_slots = 2,
            .console_log = file("console.log"),
        });
        console_ = hypervisor_->open_console(name_, console_text_.callbacks());
        ASSERT_TRUE(console_text_.wait_for("READY"));
    }

    std::string file(const std::string& name) const { return directory_.path() / name; }

    /// The log is written by another daemon, which need not be as quick as the console.
    bool log_comes_to_say(const std::string& text) const {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (read_file(file("console.log")).find(text) == std::string::npos) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
        return true;
    }

    /// The guest is asked for its disks until one of them is so.
    bool guest_comes_to_say(const std::string& text) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (std::chrono::steady_clock::now() < deadline) {
            console_->send("disks\necho these\n");
            if (!console_text_.wait_for("said these", ++questions_)) return false;
            if (console_text_.has(text)) return true;
        }
        return false;
    }

    bool wait_for_event(DomainEventKind kind, const std::string& detail = "") {
        return events_.wait_for([&](const std::vector<DomainEvent>& events) {
            for (const DomainEvent& event : events) {
                if (event.domain == name_ && event.kind == kind &&
                    event.detail.find(detail) != std::string::npos) {
                    return true;
                }
            }
            return false;
        });
    }

    tests::TemporaryDirectory directory_;
    const std::string name_ = "kiln-hypervisor-test";
    Journal<DomainEvent> events_;
    ConsoleText console_text_;
    int questions_ = 0;
    std::unique_ptr<Hypervisor> hypervisor_;
    std::unique_ptr<Console> console_;
};

TEST_F(RunningGuest, is_found_by_its_catalog_and_nobody_elses) {
    EXPECT_EQ(hypervisor_->domain_state(name_), DomainState::running);
    EXPECT_THAT(hypervisor_->domains_of("catalog-1"), testing::ElementsAre(name_));
    EXPECT_THAT(hypervisor_->domains_of("catalog-2"), testing::IsEmpty());
}

TEST_F(RunningGuest, has_a_console_of_both_ways_and_a_log_of_it) {
    console_->send("echo from the host\n");
    EXPECT_TRUE(console_text_.wait_for("said from the host"));
    EXPECT_TRUE(log_comes_to_say("said from the host"));
}

TEST_F(RunningGuest, hears_of_its_agent_and_reaches_it) {
    EXPECT_TRUE(wait_for_event(DomainEventKind::agent_connected));
    EXPECT_TRUE(hypervisor_->agent_answers(name_, std::chrono::seconds(10)));
}

TEST_F(RunningGuest, keeps_one_forward_for_one_port) {
    const std::uint16_t port = hypervisor_->forward_port(name_, 22);
    EXPECT_EQ(read_from_port(port), "hello\n");
    EXPECT_EQ(hypervisor_->forward_port(name_, 22), port);
    EXPECT_NE(hypervisor_->forward_port(name_, 80), port);
}

TEST_F(RunningGuest, has_a_screen) {
    EXPECT_EQ(hypervisor_->screenshot(name_).jpeg.substr(0, 3), "\xff\xd8\xff");
}

TEST_F(RunningGuest, goes_on_in_new_overlays_while_the_old_tops_stay) {
    EXPECT_EQ(hypervisor_->active_file(name_, "vol0"), file("top"));
    hypervisor_->snapshot_disks(
        name_, {{.serial = "vol0", .overlay = new_overlay(file("second"), file("top"))}});
    freeze(file("top"));
    EXPECT_EQ(hypervisor_->active_file(name_, "vol0"), file("second"));
    EXPECT_EQ(hypervisor_->active_file(name_, "vol1"), file("data"));

    hypervisor_->snapshot_disks(
        name_, {{.serial = "vol0", .overlay = new_overlay(file("third"), file("second"))},
                {.serial = "vol1", .overlay = new_overlay(file("more"), file("data"))}});
    EXPECT_EQ(hypervisor_->active_file(name_, "vol0"), file("third"));
    EXPECT_EQ(hypervisor_->active_file(name_, "vol1"), file("more"));
    console_->send("echo still there\n");
    EXPECT_TRUE(console_text_.wait_for("said still there"));
    EXPECT_EQ(hypervisor_->domain_state(name_), DomainState::running);
    expect_still_frozen(file("top"));
    hypervisor_->destroy(name_);
    expect_still_frozen(file("top"));
}

TEST_F(RunningGuest, switches_no_disk_when_one_of_them_cannot_be_switched) {
    new_overlay(file("good"), file("top"));
    EXPECT_THROW(
        hypervisor_->snapshot_disks(name_, {{.serial = "vol0", .overlay = file("good")},
                                            {.serial = "vol1", .overlay = file("missing")}}),
        Error);
    EXPECT_EQ(hypervisor_->active_file(name_, "vol0"), file("top"));
    EXPECT_EQ(hypervisor_->active_file(name_, "vol1"), file("data"));
}

TEST_F(RunningGuest, sees_a_disk_that_is_plugged_in_grown_and_unplugged) {
    hypervisor_->attach_disk(
        name_,
        {.serial = "vol2", .chain = {{new_overlay(file("extra"), file("base"))}, {file("base")}}});
    EXPECT_EQ(hypervisor_->active_file(name_, "vol2"), file("extra"));
    EXPECT_TRUE(guest_comes_to_say("disk vol2 has 2097152 sectors"));

    hypervisor_->resize_disk(name_, "vol2", Bytes::gibibytes(3));
    EXPECT_TRUE(guest_comes_to_say("disk vol2 has 6291456 sectors"));

    while (!hypervisor_->detach_disk(name_, "vol2")) {
    }
    EXPECT_EQ(hypervisor_->active_file(name_, "vol2"), std::nullopt);
    hypervisor_->attach_disk(name_, {.serial = "vol3", .chain = {{file("extra")}, {file("base")}}});
    EXPECT_TRUE(guest_comes_to_say("disk vol3 has 6291456 sectors"));
    EXPECT_TRUE(hypervisor_->detach_disk(name_, "nothing"));
}

TEST_F(RunningGuest, has_as_many_slots_for_disks_as_it_was_given) {
    EXPECT_EQ(hypervisor_->free_disk_slots(name_), 2U);
    for (const char* serial : {"vol2", "vol3"}) {
        hypervisor_->attach_disk(
            name_, {.serial = serial,
                    .chain = {{new_overlay(file(serial), file("base"))}, {file("base")}}});
    }
    EXPECT_EQ(hypervisor_->free_disk_slots(name_), 0U);
    EXPECT_THROW(hypervisor_->attach_disk(
                     name_, {.serial = "vol4",
                             .chain = {{new_overlay(file("vol4"), file("base"))}, {file("base")}}}),
                 Error);
    EXPECT_TRUE(guest_comes_to_say("disk vol3 has"));
}

TEST_F(RunningGuest, reboots_in_the_same_qemu_when_asked) {
    ASSERT_TRUE(wait_for_event(DomainEventKind::agent_connected));
    hypervisor_->request_reboot(name_);
    EXPECT_TRUE(console_text_.wait_for("READY", 2));
    EXPECT_EQ(hypervisor_->domain_state(name_), DomainState::running);
}

TEST_F(RunningGuest, powers_off_when_asked) {
    ASSERT_TRUE(wait_for_event(DomainEventKind::agent_connected));
    hypervisor_->request_shutdown(name_);
    EXPECT_TRUE(hypervisor_->wait_until_gone(name_, patience));
    EXPECT_TRUE(wait_for_event(DomainEventKind::stopped, "shutdown"));
    EXPECT_TRUE(console_text_.wait_until_closed());
    EXPECT_THROW(console_->send("x"), Error);
}

TEST_F(RunningGuest, is_gone_when_destroy_returns) {
    hypervisor_->destroy(name_);
    EXPECT_EQ(hypervisor_->domain_state(name_), DomainState::absent);
    EXPECT_TRUE(wait_for_event(DomainEventKind::stopped, "destroyed"));
    hypervisor_->destroy(name_);
}

class GuestWithoutAgent : public RunningGuest {
  protected:
    std::string kernel_arguments() const override { return "no-agent"; }
};

TEST_F(GuestWithoutAgent, powers_off_by_its_power_button) {
    EXPECT_FALSE(hypervisor_->agent_answers(name_, std::chrono::seconds(1)));
    hypervisor_->request_shutdown(name_);
    EXPECT_TRUE(hypervisor_->wait_until_gone(name_, patience));
}

TEST_F(GuestWithoutAgent, reboots_by_its_power_button_and_can_power_off_afterwards) {
    hypervisor_->request_reboot(name_);
    EXPECT_TRUE(console_text_.wait_for("READY", 2));
    EXPECT_EQ(hypervisor_->domain_state(name_), DomainState::running);
    console_->send("off-soon\n");
    EXPECT_TRUE(hypervisor_->wait_until_gone(name_, patience));
}

TEST_F(GuestWithoutAgent, begins_anew_when_it_is_reset) {
    hypervisor_->reset(name_);
    EXPECT_TRUE(console_text_.wait_for("READY", 2));
}

TEST(Guest, starts_with_every_firmware_width_and_kind_of_disk) {
    const tests::TemporaryDirectory directory;
    ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
    const auto firmware = find_uefi_firmware(GuestArchitecture::x86_64);
    ASSERT_TRUE(firmware) << "install ovmf";
    const std::filesystem::path variables = directory.path() / "variables.fd";
    std::filesystem::copy_file(firmware->variables_template, variables);
    const std::filesystem::path raw = directory.path() / "raw";
    run_checked({.arguments = {"qemu-img", "create", "-q", "-f", "raw", raw.string(), "1M"}});
    DomainSpec bios{.name = "kiln-hypervisor-test-2",
                    .uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ac",
                    .memory = Bytes::mebibytes(64),
                    .disks = {{.target = "vda",
                               .chain = {{raw}},
                               .format = DiskFormat::raw,
                               .cache = DiskCache::writeback,
                               .read_only = true}}};
    DomainSpec uefi = bios;
    uefi.uefi = UefiSpec{.code = firmware->code, .variables = variables};
    DomainSpec narrow = bios;
    narrow.architecture = GuestArchitecture::i386;

    const auto hypervisor = connect(libvirt_uri());
    for (const DomainSpec& spec : {bios, uefi, narrow}) {
        hypervisor->start_domain(spec);
        EXPECT_EQ(hypervisor->domain_state(spec.name), DomainState::running);
        hypervisor->destroy(spec.name);
    }
}

TEST(Guest, that_qemu_cannot_run_leaves_its_cause_and_nothing_else) {
    const auto hypervisor = connect(libvirt_uri());
    const DomainSpec spec{.name = "kiln-hypervisor-test-2",
                          .uuid = "ec2a4b1c-0d9e-4f00-8abc-0123456789ac",
                          .memory = Bytes::mebibytes(64),
                          .disks = {{.target = "vda", .chain = {{"/nonexistent/disk.qcow2"}}}}};
    try {
        hypervisor->start_domain(spec);
        ADD_FAILURE() << "the guest started";
    } catch (const Error& error) {
        EXPECT_THAT(error.message(), testing::HasSubstr("/nonexistent/disk.qcow2"));
    }
    EXPECT_EQ(hypervisor->domain_state(spec.name), DomainState::absent);
}

TEST_F(RunningGuest, is_heard_of_again_after_libvirtd_was_away) {
    ASSERT_EQ(libvirt_uri(), "qemu:///system");
    console_->send("off-soon\n");
    ASSERT_TRUE(console_text_.wait_for("off-soon"));  // the guest echoes what it has
    const pid_t daemon = std::stoi(read_file("/run/libvirtd.pid"));
    ASSERT_EQ(::kill(daemon, SIGKILL), 0);
    EXPECT_TRUE(console_text_.wait_until_closed());
    EXPECT_THROW(hypervisor_->domain_state(name_), Error);

    const auto again = connect(libvirt_uri());  // starts the daemon
    EXPECT_TRUE(hypervisor_->wait_until_gone(name_, patience));
    EXPECT_TRUE(wait_for_event(DomainEventKind::stopped));
}

}  // namespace
}  // namespace kiln::hypervisor
