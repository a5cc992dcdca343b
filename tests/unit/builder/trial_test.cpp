#include <gmock/gmock.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "builder/trial/fetch.hpp"
#include "builder/trial/guest_shell.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::builder {

namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const SshLogin login{.host = "172.31.0.9", .port = 2222, .user = "admin", .private_key = "/k/key"};

TEST(SshCommand, trusts_no_host_key_and_asks_nobody) {
    const auto command = ssh_command(login, "echo it's");
    for (const char* word : {"2222", "admin", "/k/key", "BatchMode=yes", "IdentitiesOnly=yes",
                             "UserKnownHostsFile=/dev/null", "172.31.0.9"}) {
        EXPECT_THAT(command, Contains(word));
    }
    EXPECT_EQ(command.back(), "sudo -n sh -c 'echo it'\\''s'");
}

TEST(SshCommand, root_needs_no_sudo) {
    SshLogin root = login;
    root.user = "root";
    EXPECT_EQ(ssh_command(root, "true").back(), "sh -c 'true'");
}

TEST(ParseProgress, tells_a_script_that_runs_from_one_that_has_ended) {
    EXPECT_FALSE(parse_progress("-\nhalf a li")->exit_status);
    EXPECT_EQ(parse_progress("-\nhalf a li")->output, "half a li");
    EXPECT_EQ(parse_progress("0\n")->exit_status, 0);
    EXPECT_EQ(parse_progress("137\nlast\n")->output, "last\n");
    for (const char* answer : {"", "-", "x\n", "1x\nsaid", "sh: no such directory\n"})
        EXPECT_FALSE(parse_progress(answer)) << answer;
}

/// What is sent to guests, run here.
class ScriptTextTest : public ::testing::Test {
  protected:
    std::string directory() const { return directory_.path() / "it's here"; }
    static ProcessResult shell(const std::string& text, const std::string& input = "") {
        return run_process({.arguments = {"sh", "-c", text}, .standard_input = input});
    }
    ScriptProgress look(std::size_t offset = 0) const {
        const auto progress =
            parse_progress(shell(progress_in_background(directory(), offset)).standard_output);
        return progress.value();
    }

  private:
    tests::TemporaryDirectory directory_;
};

TEST_F(ScriptTextTest, one_in_the_foreground_says_all_and_leaves_nothing) {
    const Script script{.text = "echo out; echo \"$A\" >&2; exit 3",
                        .environment = {{"A", "b c"}},
                        .time_limit = seconds(60)};
    const ProcessResult result = shell(running_in_foreground(script, directory()), script.text);
    EXPECT_EQ(result.exit_status, 3);
    EXPECT_EQ(result.standard_output, "out\nb c\n");
    EXPECT_FALSE(std::filesystem::exists(directory()));
}

TEST_F(ScriptTextTest, one_in_the_background_is_followed_to_its_end) {
    const std::string gate = directory() + ".gate";
    run_checked({.arguments = {"mkfifo", gate}});
    const Script script{.text = "echo first; read -r line <\"$GATE\"; echo \"$line\"; exit 2",
                        .environment = {{"GATE", gate}},
                        .time_limit = seconds(60)};
    EXPECT_EQ(shell(beginning_in_background(script, directory()), script.text).exit_status, 0);
    // It waits at the gate: so it has not ended, whatever it has said by now.
    EXPECT_FALSE(look().exit_status);
    run_checked({.arguments = {"sh", "-c", "echo second >\"$0\"", gate}});
    ScriptProgress progress = look();
    while (!progress.exit_status)
        progress = look();
    EXPECT_EQ(progress.exit_status, 2);
    EXPECT_EQ(look().output, "first\nsecond\n");
    EXPECT_EQ(look(6).output, "second\n");
}

TEST_F(ScriptTextTest, a_directory_that_is_there_already_is_not_trusted) {
    std::filesystem::create_directory(directory());
    const Script script{.text = "echo x"};
    EXPECT_NE(shell(beginning_in_background(script, directory()), script.text).exit_status, 0);
}

TEST(FetchCommand, goes_to_that_place_alone) {
    const auto command = fetch_command({.host = "10.0.0.4", .port = 8080}, "/a?b=[1]");
    EXPECT_EQ(command.back(), "http://10.0.0.4:8080/a?b=[1]");
    EXPECT_THAT(command, Contains("=http"));
    EXPECT_THAT(command, Contains("--globoff"));
    EXPECT_THAT(command, Not(Contains("--location")));
}

TEST(ParseFetch, has_the_status_in_its_last_line) {
    EXPECT_EQ(parse_fetch("a page\nof lines\n200").status, 200);
    EXPECT_EQ(parse_fetch("a page\nof lines\n200").body, "a page\nof lines");
    EXPECT_EQ(parse_fetch("\n000").status, 0);
    EXPECT_EQ(parse_fetch("").status, 0);
}

TEST(Mismatch, says_what_is_not_as_expected) {
    const VerifyFetch wanted{.expected_text = "Hello"};
    EXPECT_FALSE(mismatch(wanted, {.status = 200, .body = "Hello world"}));
    EXPECT_FALSE(mismatch({}, {.status = 200, .body = ""}));
    EXPECT_EQ(mismatch(wanted, {}), "nobody answers");
    EXPECT_EQ(mismatch(wanted, {.status = 404, .body = "Hello"}), "the status is 404 and not 200");
    EXPECT_THAT(*mismatch(wanted, {.status = 200, .body = "Welcome"}), HasSubstr("Welcome"));
    EXPECT_LT(mismatch(wanted, {.status = 200, .body = std::string(9000, 'x')})->size(), 400U);
}

}  // namespace

}  // namespace kiln::builder
