#include "base/process.hpp"

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Command shell(const std::string& script) {
    return {.arguments = {"sh", "-c", script}};
}

Error error_of(const Command& command) {
    try {
        run_checked(command);
    } catch (const Error& error) {
        return error;
    }
    return Error("", "", "");
}

/// Whether the process ends within ten seconds.
bool ends(pid_t pid) {
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!process) return true;
    pollfd end{process.get(), POLLIN, 0};
    return ::poll(&end, 1, 10'000) == 1;
}

double seconds_of(const std::function<void()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST(Process, a_program_may_end_with_its_caller) {
    const tests::TemporaryDirectory work;
    const std::string file = work.path() / "pid";
    const pid_t caller = ::fork();
    ASSERT_NE(caller, -1);
    if (caller == 0) {
        Command command = shell("echo $$ >" + file + ".part && mv " + file + ".part " + file +
                                " && exec sleep 600");
        command.ends_with_caller = true;
        run_process(command);
        ::_exit(0);
    }
    run_checked(shell("until [ -e " + file + " ]; do sleep 0.01; done"));
    const pid_t program = std::stoi(read_file(file));
    ::kill(caller, SIGKILL);
    EXPECT_EQ(::waitpid(caller, nullptr, 0), caller);
    EXPECT_TRUE(ends(program));
}

TEST(Process, the_exit_status_and_both_outputs_come_back) {
    const ProcessResult result = run_process(shell("echo out; echo err >&2; exit 7"));

    EXPECT_EQ(result.exit_status, 7);
    EXPECT_EQ(result.standard_output, "out\n");
    EXPECT_EQ(result.standard_error, "err\n");
}

TEST(Process, a_checked_program_gives_its_output_or_its_last_words) {
    EXPECT_EQ(run_checked(shell("echo out; echo err >&2")), "out\n");

    const Error error = error_of(shell("echo out; echo 'no such disk' >&2; exit 3"));
    EXPECT_EQ(error.code(), "InternalError");
    EXPECT_EQ(error.message(), "'sh' failed with exit status 3: no such disk");
    EXPECT_THAT(error_of(shell("echo only out; false")).message(), HasSubstr("only out"));
}

TEST(Process, arguments_reach_the_program_as_they_are) {
    EXPECT_EQ(run_checked({.arguments = {"printf", "%s|", "a b", "$HOME", "'", "", "*"}}),
              "a b|$HOME|'||*|");
}

TEST(Process, a_program_that_is_not_there_cannot_be_started) {
    const Error error = error_of({.arguments = {"no-such-program-anywhere"}});

    EXPECT_EQ(error.code(), "InternalError");
    EXPECT_EQ(error.message(),
              "cannot start 'no-such-program-anywhere': No such file or directory");
}

TEST(Process, a_program_that_ends_by_a_signal_is_an_error) {
    EXPECT_EQ(error_of(shell("kill -SEGV $$")).message(), "'sh' was ended by signal 11");
}

TEST(Process, the_time_limit_ends_the_whole_process_group) {
    const tests::TemporaryDirectory directory;
    const std::string pids = (directory.path() / "pids").string();
    Command command = shell("sleep 300 & echo $! $$ > '" + pids + "'; wait");
    command.time_limit = milliseconds(500);

    const Error error = error_of(command);

    EXPECT_EQ(error.code(), "InternalError");
    EXPECT_EQ(error.message(), "'sh' did not end within 0.5 s");
    std::istringstream written(read_file(pids));
    pid_t sleeper = 0;
    pid_t leader = 0;
    written >> sleeper >> leader;
    ASSERT_GT(sleeper, 0);
    EXPECT_TRUE(ends(sleeper));
    EXPECT_TRUE(ends(leader));
}

TEST(Process, a_program_that_ignores_sigterm_is_killed_after_the_grace) {
    Command command = shell("trap '' TERM; while :; do sleep 1; done");
    command.time_limit = milliseconds(200);

    EXPECT_EQ(error_of(command).message(), "'sh' did not end within 0.2 s");
}

TEST(Process, a_stop_ends_the_program) {
    std::stop_source stop;
    Command command = shell("echo started; exec sleep 300");
    command.stop = stop.get_token();
    command.on_line = [&](std::string_view) { stop.request_stop(); };

    EXPECT_EQ(error_of(command).code(), "Canceled");
}

TEST(Process, an_exception_from_on_line_ends_the_program) {
    const tests::TemporaryDirectory directory;
    pid_t pid = 0;
    Command command = shell("echo $$; exec sleep 300");
    command.on_line = [&](std::string_view line) {
        pid = std::stoi(std::string(line));
        throw std::runtime_error("enough");
    };

    EXPECT_THROW(run_process(command), std::runtime_error);

    ASSERT_GT(pid, 0);
    EXPECT_EQ(::kill(pid, 0), -1) << "it is gone and reaped";
}

TEST(Process, large_outputs_do_not_block_and_are_kept_within_bounds) {
    const ProcessResult result = run_process(shell(
        "head -c 20000000 /dev/zero; head -c 200000 /dev/zero | tr '\\0' e >&2; printf end >&2"));

    EXPECT_EQ(result.standard_output.size(), 16U << 20);
    EXPECT_EQ(result.standard_error.size(), 64U << 10);
    EXPECT_TRUE(result.standard_error.ends_with("eend")) << "the last words are kept";
}

TEST(Process, standard_input_is_empty_or_what_was_given) {
    EXPECT_EQ(run_checked({.arguments = {"cat"}}), "");
    const std::string input(3'000'000, 'i');
    EXPECT_EQ(run_checked({.arguments = {"cat"}, .standard_input = input}), input);
}

TEST(Process, a_program_that_does_not_read_its_input_does_no_harm) {
    const std::string input(3'000'000, 'i');

    const ProcessResult result = run_process({.arguments = {"true"}, .standard_input = input});

    EXPECT_EQ(result.exit_status, 0);
    sigset_t pending;
    ::sigpending(&pending);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0) << "no signal is left behind";
}

TEST(Process, secrets_are_read_from_pipes_that_nobody_else_has) {
    const std::string longest(4096, 'x');
    for (const std::vector<std::size_t>& order :
         std::vector<std::vector<std::size_t>>{{0, 1, 2}, {2, 1, 0}}) {
        Command command{.arguments = {"cat"}, .secrets = {"one ", "two ", longest}};
        std::string expected;
        for (const std::size_t index : order) {
            command.arguments.push_back(secret_file(index));
            expected += command.secrets[index];
        }
        EXPECT_EQ(run_checked(command), expected);
    }
    Command listing = shell("ls -l /proc/self/fd");
    listing.secrets = {"one"};
    EXPECT_THAT(run_checked(listing), HasSubstr("3 -> pipe:"));
}

TEST(Process, a_secret_that_no_pipe_takes_at_once_is_refused) {
    Command command = shell("cat " + secret_file(0));
    command.secrets = {std::string(4097, 'x')};
    EXPECT_THAT(error_of(command).message(), HasSubstr("longer than 4 KiB"));
}

TEST(Process, an_error_does_not_tell_the_secret) {
    Command command = shell("exit 1");
    command.secrets = {"open sesame"};
    EXPECT_THAT(error_of(command).message(), Not(HasSubstr("sesame")));
}

TEST(Process, lines_are_handed_on_as_they_come_with_the_last_unfinished_one) {
    std::vector<std::string> lines;
    Command command = shell("printf 'one\\ntwo\\n\\nthr'; printf 'ee'");
    command.on_line = [&](std::string_view line) { lines.emplace_back(line); };

    run_checked(command);

    EXPECT_THAT(lines, ElementsAre("one", "two", "", "three"));
}

TEST(Process, a_line_that_is_written_over_and_over_is_handed_on_each_time) {
    std::vector<std::string> lines;
    Command command = shell("printf '10\\r20\\r100\\n'");
    command.on_line = [&](std::string_view line) { lines.emplace_back(line); };

    run_checked(command);

    EXPECT_THAT(lines, ElementsAre("10", "20", "100"));
}

TEST(Process, an_endless_line_is_handed_on_in_pieces) {
    std::size_t longest = 0;
    std::size_t total = 0;
    Command command = shell("head -c 5000000 /dev/zero | tr '\\0' x");
    command.on_line = [&](std::string_view line) {
        longest = std::max(longest, line.size());
        total += line.size();
    };

    run_checked(command);

    EXPECT_EQ(total, 5'000'000U);
    EXPECT_LT(longest, 2'000'000U);
}

TEST(Process, a_program_left_in_the_background_does_not_hold_up_the_caller) {
    const tests::TemporaryDirectory directory;
    const std::string pid_file = (directory.path() / "pid").string();
    std::string output;

    const double took = seconds_of([&] {
        output = run_checked(shell("echo ready; sleep 300 & echo $! > '" + pid_file + "'"));
    });

    EXPECT_EQ(output, "ready\n");
    EXPECT_LT(took, 30);
    ::kill(std::stoi(read_file(pid_file)), SIGKILL);
}

TEST(Process, the_environment_is_the_caller_s_with_additions_and_in_the_c_locale) {
    ::setenv("KILN_TEST_INHERITED", "inherited", 1);
    ::setenv("KILN_TEST_REPLACED", "old", 1);
    Command command = shell("echo $KILN_TEST_INHERITED $KILN_TEST_REPLACED $LC_ALL");
    command.environment = {"KILN_TEST_REPLACED=new value"};

    EXPECT_EQ(run_checked(command), "inherited new value C\n");

    ::unsetenv("KILN_TEST_INHERITED");
    ::unsetenv("KILN_TEST_REPLACED");
}

TEST(Process, the_working_directory_is_the_one_that_was_named) {
    const tests::TemporaryDirectory directory;

    EXPECT_EQ(run_checked({.arguments = {"pwd", "-P"}, .working_directory = directory.path()}),
              std::filesystem::canonical(directory.path()).string() + "\n");
    EXPECT_EQ(error_of({.arguments = {"pwd"}, .working_directory = "/no/such/place"}).code(),
              "InternalError");
}

TEST(Process, no_descriptor_of_the_caller_reaches_the_program) {
    const Fd open_across_exec(::dup(STDERR_FILENO));

    const std::string names = run_checked({.arguments = {"ls", "/proc/self/fd"}});

    EXPECT_EQ(names, "0\n1\n2\n3\n") << "3 is ls's own";
}

TEST(Process, programs_run_side_by_side_from_many_threads) {
    std::atomic<int> right = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 16; ++i) {
            threads.emplace_back([&right, i] {
                const std::string number = std::to_string(i);
                if (run_checked({.arguments = {"echo", number}}) == number + "\n") ++right;
            });
        }
    }
    EXPECT_EQ(right, 16);
}

}  // namespace

}  // namespace kiln
