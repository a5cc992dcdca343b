#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <optional>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/places.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr int patience_ms = 20'000;

/// The real service on libvirt's test driver, started by the program itself.
class Autostart : public testing::Test {
  protected:
    ~Autostart() override {
        if (const auto pid = service_pid()) end_service(*pid);
    }

    ProcessResult kiln(std::vector<std::string> words,
                       const std::string& uri = "test:///default") const {
        words.insert(words.begin(), places::kiln);
        return run_process(
            {.arguments = std::move(words),
             .environment = {"KILN_STATE_DIR=" + state_.string(), "KILN_SOCKET=" + socket_.string(),
                             "KILN_CONFIG=", "HOME=" + directory_.path().string(),
                             "KILN_LIBVIRT_URI=" + uri, "KILN_NO_AUTOSTART="}});
    }

    /// From the test's directory, with paths that begin there.
    ProcessResult kiln_beside(std::vector<std::string> words) const {
        words.insert(words.begin(), places::kiln);
        return run_process(
            {.arguments = std::move(words),
             .environment = {"KILN_STATE_DIR=state", "KILN_SOCKET=state/kiln.sock",
                             "KILN_CONFIG=kiln.yaml", "HOME=" + directory_.path().string(),
                             "KILN_LIBVIRT_URI=test:///default", "KILN_NO_AUTOSTART="},
             .working_directory = directory_.path()});
    }

    /// Who answers at the socket.
    std::optional<pid_t> service_pid() const {
        const Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(socket_.string(), static_cast<char*>(address.sun_path));
        if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
            0) {
            return std::nullopt;
        }
        ucred peer{};
        socklen_t size = sizeof peer;
        ::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
        return peer.pid;
    }

    static void end_service(pid_t pid) {
        const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        if (!process) return;  // it has ended
        ::kill(pid, SIGTERM);
        pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&ended, 1, patience_ms), 1) << "the service did not stop";
    }

    std::string log() const { return read_file(state_ / "serve.log"); }

    TemporaryDirectory directory_;
    std::filesystem::path state_ = directory_.path() / "state";
    std::filesystem::path socket_ = state_ / "kiln.sock";
};

TEST_F(Autostart, the_service_finds_what_relative_paths_name) {
    std::ofstream(directory_.path() / "kiln.yaml") << "zones: [local-1x]\n";
    const auto zones = kiln_beside({"describe-availability-zones", "--output", "text"});
    EXPECT_EQ(zones.exit_status, 0) << zones.standard_error;
    EXPECT_THAT(zones.standard_output, HasSubstr("local-1x"));
    EXPECT_TRUE(service_pid());
}

TEST_F(Autostart, a_command_starts_the_service_and_the_next_one_finds_it) {
    const auto first = kiln({"describe-regions", "--output", "text"});
    EXPECT_EQ(first.exit_status, 0) << first.standard_error;
    EXPECT_THAT(first.standard_output, HasSubstr("local-1"));
    const auto pid = service_pid();
    ASSERT_TRUE(pid);

    EXPECT_EQ(kiln({"describe-regions"}).exit_status, 0);

    EXPECT_EQ(service_pid(), pid);
    EXPECT_EQ(::getsid(*pid), *pid) << "the service must outlive the terminal";
    struct stat status {};
    ASSERT_EQ(::stat(state_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, ::geteuid() == 0 ? 0711U : 0700U);
}

TEST_F(Autostart, commands_at_the_same_time_share_one_service) {
    std::vector<std::future<ProcessResult>> commands;
    for (int i = 0; i < 4; ++i) {
        commands.push_back(
            std::async(std::launch::async, [this] { return kiln({"describe-regions"}); }));
    }
    for (auto& command : commands) {
        const ProcessResult result = command.get();
        EXPECT_EQ(result.exit_status, 0) << result.standard_error;
    }
    const std::string text = log();
    const std::size_t start = text.find(" serves ");
    ASSERT_NE(start, std::string::npos);
    EXPECT_EQ(text.find(" serves ", start + 1), std::string::npos) << text;
}

TEST_F(Autostart, a_service_that_ends_at_once_is_shown_with_its_last_words) {
    const auto result = kiln({"describe-regions"}, "nonsense:///");
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_output, IsEmpty());
    EXPECT_THAT(result.standard_error, HasSubstr("the kiln service ended as soon as it was"));
    EXPECT_THAT(result.standard_error, HasSubstr("nonsense:///"));
    EXPECT_THAT(result.standard_error, HasSubstr("kiln doctor"));
}

TEST_F(Autostart, doctor_has_a_failing_line_for_a_service_that_cannot_start) {
    const auto result = kiln({"doctor"}, "nonsense:///");
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_output, HasSubstr("failed   service"));
    EXPECT_THAT(result.standard_output, HasSubstr("nonsense:///"));
}

TEST_F(Autostart, a_second_service_on_the_state_directory_is_refused) {
    ASSERT_EQ(kiln({"describe-regions"}).exit_status, 0);
    const auto second = kiln({"serve"});
    EXPECT_EQ(second.exit_status, 1);
    EXPECT_THAT(second.standard_error, HasSubstr("kiln: "));
    EXPECT_EQ(kiln({"describe-regions"}).exit_status, 0);
}

TEST_F(Autostart, a_service_that_was_killed_is_started_again) {
    ASSERT_EQ(kiln({"describe-regions"}).exit_status, 0);
    const auto killed = service_pid();
    ASSERT_TRUE(killed);
    ::kill(*killed, SIGKILL);
    end_service(*killed);

    EXPECT_EQ(kiln({"describe-regions"}).exit_status, 0);
    EXPECT_NE(service_pid(), killed);
}

}  // namespace

}  // namespace kiln::tests
