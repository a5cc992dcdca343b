#include "builder/script/shell_text.hpp"

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "base/process.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::builder {

namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

std::string shell(const std::string& text) {
    return run_checked({.arguments = {"sh", "-c", text}});
}

TEST(ShellText, a_word_is_itself_whatever_is_in_it) {
    for (const std::string word : {"plain", "", "two words", "it's", "a\nline",
                                   "$HOME `id` \\ \"x\" *", "'", "''", "-n", "tab\there"}) {
        EXPECT_EQ(shell("printf %s " + as_word(word)), word);
    }
}

TEST(ShellText, words_stay_apart) {
    EXPECT_EQ(shell("printf '<%s>' " + as_words({"a b", "", "c'd"})), "<a b><><c'd>");
}

/// Scripts that are called as in a guest, on the host.
class ScriptCallTest : public ::testing::Test {
  protected:
    std::string path(const std::string& name) const { return directory_.path() / name; }
    /// Returns the exit status that was noted.
    int call(const std::string& script, const Environment& environment = {},
             seconds time_limit = seconds(60), const std::string& interpreter = "/bin/sh -eu") {
        write_file_atomically(path("script"), script, 0700);
        shell(script_call({.directory = directory_.path().string(),
                           .interpreter = interpreter,
                           .environment = environment,
                           .time_limit = time_limit}));
        return std::stoi(read_file(path("status")));
    }
    std::string output() const { return read_file(path("output")); }

  private:
    tests::TemporaryDirectory directory_;
};

TEST_F(ScriptCallTest, both_outputs_and_the_exit_status_are_noted) {
    EXPECT_EQ(call("echo out; echo err >&2; exit 7"), 7);
    EXPECT_EQ(output(), "out\nerr\n");
}

TEST_F(ScriptCallTest, the_first_command_that_fails_ends_it) {
    EXPECT_EQ(call("false\necho later"), 1);
    EXPECT_EQ(output(), "");
}

TEST_F(ScriptCallTest, it_has_its_environment_and_nothing_of_the_callers) {
    EXPECT_EQ(call("printf '%s|%s|' \"$GREETING\" \"$HOME\"; env | grep -c ^LC_ALL= || true",
                   {{"GREETING", "it's\na \"word\""}}),
              0);
    EXPECT_EQ(output(), "it's\na \"word\"|/root|0\n");
}

TEST_F(ScriptCallTest, it_reads_nothing) {
    EXPECT_EQ(call("cat; echo end"), 0);
    EXPECT_EQ(output(), "end\n");
}

TEST_F(ScriptCallTest, its_interpreter_is_a_program_with_options) {
    EXPECT_EQ(call("print $ENV{A}, $/", {{"A", "b"}}, seconds(60), "/usr/bin/perl -w"), 0);
    EXPECT_EQ(output(), "b\n");
    EXPECT_EQ(call("x", {}, seconds(60), "/missing"), 127);
    EXPECT_THAT(output(), HasSubstr("/missing"));
}

TEST_F(ScriptCallTest, one_that_takes_too_long_is_ended) {
    EXPECT_TRUE(timed_out(call("echo begun; exec sleep 100", {}, seconds(1))));
    EXPECT_EQ(output(), "begun\n");
    EXPECT_FALSE(timed_out(0));
    EXPECT_FALSE(timed_out(1));
}

}  // namespace

}  // namespace kiln::builder
