#include "base/confinement.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "base/users.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln {

namespace {

using ::testing::HasSubstr;

/// What a shell says in confinement.
ProcessResult run(const std::string& script, const Confinement& confinement = {}) {
    return run_process(confined({.arguments = {"sh", "-c", script}}, confinement));
}

std::string said(const std::string& script, const Confinement& confinement = {}) {
    return std::string(trim(run(script, confinement).standard_output));
}

TEST(Confinement, has_no_network_but_its_own) {
    EXPECT_EQ(said("ls /sys/class/net; tail -n +3 /proc/net/dev | cut -d: -f1"),
              said("ls /sys/class/net; echo '    lo'"))
        << "/sys is the host's, the namespace has lo alone";
}

TEST(Confinement, may_not_become_more) {
    EXPECT_EQ(said("grep NoNewPrivs /proc/self/status | cut -f2"), "1");
}

TEST(Confinement, knows_nothing_of_the_service_s_environment) {
    EXPECT_EQ(said("env | cut -d= -f1 | grep -v -x -e PWD -e _ | sort | tr '\\n' ' '"),
              "LC_ALL MALLOC_ARENA_MAX PATH");
    EXPECT_EQ(said("pwd"), "/");
}

TEST(Confinement, what_it_leaves_running_ends_with_it) {
    constexpr const char* mark = "86421.25";  // seconds, that nobody else sleeps
    EXPECT_EQ(run(std::string("setsid sleep ") + mark + " >/dev/null 2>&1 & echo").exit_status, 0);
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        std::ifstream file(entry.path() / "cmdline");
        const std::string line((std::istreambuf_iterator<char>(file)), {});
        EXPECT_EQ(line.find(mark), std::string::npos) << entry.path();
    }
}

TEST(Confinement, memory_files_and_core_files_are_limited) {
    const Confinement confinement{.memory = Bytes::mebibytes(256),
                                  .processor_time = std::chrono::seconds(7),
                                  .largest_file = Bytes::mebibytes(3)};
    EXPECT_EQ(said("ulimit -v", confinement), "262144");
    EXPECT_EQ(said("ulimit -t", confinement), "7");
    EXPECT_EQ(said("ulimit -f", confinement), "6144") << "blocks of 512 bytes";
    EXPECT_EQ(said("ulimit -c", confinement), "0");
    EXPECT_EQ(said("ulimit -n", confinement), "64");
}

TEST(Confinement, a_file_that_grows_too_large_ends_the_program) {
    const tests::TemporaryDirectory directory;
    const std::string file = (directory.path() / "file").string();
    const Confinement confinement{.largest_file = {4096}};
    EXPECT_NE(run("head -c 8192 /dev/zero > " + file, confinement).exit_status, 0);
    EXPECT_EQ(std::filesystem::file_size(file), 4096);
}

TEST(Confinement, tells_the_exit_status_and_words_of_the_program) {
    const ProcessResult result = run("echo out; echo err >&2; exit 7");
    EXPECT_EQ(result.exit_status, 7);
    EXPECT_EQ(result.standard_output, "out\n");
    EXPECT_EQ(result.standard_error, "err\n");
}

TEST(Confinement, the_user_is_nobody_that_the_host_knows_and_reaches_nobodys_files) {
    ASSERT_EQ(::geteuid(), 0) << "run as root";
    const auto user = unused_user(0);
    ASSERT_TRUE(user);
    EXPECT_FALSE(name_of_user(*user));
    EXPECT_NE(user, unused_user(1));
    const tests::TemporaryDirectory directory;
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0711});
    write_file_atomically(directory.path() / "secret", "secret", 0600);
    const Confinement confinement{.user = user};
    EXPECT_EQ(said("id -u; id -g; id -G", confinement), fmt::format("{0}\n{0}\n{0}", *user));
    const ProcessResult result = run("cat " + (directory.path() / "secret").string(), confinement);
    EXPECT_THAT(result.standard_error, HasSubstr("Permission denied"));
    EXPECT_EQ(said("grep CapBnd /proc/self/status | cut -f2", confinement), "0000000000000000");
}

TEST(Confinement, there_are_only_so_many_such_users) {
    ASSERT_EQ(::geteuid(), 0) << "run as root";
    EXPECT_THROW(unused_user(100'000), Error);
}

}  // namespace

}  // namespace kiln
