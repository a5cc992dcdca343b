#include <gmock/gmock.h>

#include <fstream>

#include "base/process.hpp"
#include "tests/golden.hpp"
#include "tests/places.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::tests {

namespace {

using testing::HasSubstr;
using testing::IsEmpty;

/// The program where no service is and none may be started.
class CommandLineTest : public testing::Test {
  protected:
    ProcessResult kiln(std::vector<std::string> words) const {
        words.insert(words.begin(), places::kiln);
        return run_process(
            {.arguments = std::move(words),
             .environment = {"KILN_STATE_DIR=" + directory_.path().string(),
                             "KILN_SOCKET=" + directory_.path().string() + "/s",
                             "HOME=" + directory_.path().string(), "XDG_CONFIG_HOME=",
                             "XDG_STATE_HOME=", "KILN_CONFIG=" + config_, "KILN_NO_AUTOSTART=1"}});
    }

    TemporaryDirectory directory_;
    std::string config_;
};

TEST_F(CommandLineTest, help_lists_the_commands_in_groups) {
    const auto result = kiln({"help"});
    EXPECT_EQ(result.exit_status, 0);
    expect_golden("help.txt", result.standard_output);
    EXPECT_EQ(kiln({"--help"}).standard_output, result.standard_output);
}

TEST_F(CommandLineTest, help_of_a_command_has_its_options_and_an_example) {
    for (const std::string command : {"run-instances", "describe-images", "build", "export", "ssh",
                                      "console", "serve", "gc", "modify-instance-attribute"}) {
        const auto result = kiln({command, "--help"});
        EXPECT_EQ(result.exit_status, 0);
        expect_golden("help-" + command + ".txt", result.standard_output);
        EXPECT_EQ(kiln({"help", command}).standard_output, result.standard_output);
    }
}

TEST_F(CommandLineTest, the_reference_in_docs_is_what_the_program_prints) {
    expect_golden("../../../../docs/reference.md", kiln({"reference"}).standard_output);
}

TEST_F(CommandLineTest, version_is_printed) {
    EXPECT_EQ(kiln({"version"}).standard_output, "kiln " KILN_VERSION "\n");
    EXPECT_EQ(kiln({"--version"}).standard_output, "kiln " KILN_VERSION "\n");
}

struct TypingError {
    const char* name;
    std::vector<std::string> words;
    const char* message;
};
class TypingErrors : public CommandLineTest, public testing::WithParamInterface<TypingError> {};

TEST_P(TypingErrors, are_told_on_standard_error_with_status_2) {
    const auto result = kiln(GetParam().words);
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.standard_output, IsEmpty());
    EXPECT_THAT(result.standard_error, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    table, TypingErrors,
    testing::Values(
        TypingError{"command",
                    {"run-instance"},
                    "kiln: unknown command 'run-instance'; did you mean 'run-instances'?"},
        TypingError{"option_of_the_program", {"--verison"}, "kiln: unknown option '--verison'"},
        TypingError{"options_alone",
                    {"--region", "r"},
                    "kiln: give a command after the options: kiln --region r COMMAND"},
        TypingError{"option_without_its_value", {"--region"}, "give a command after the options"},
        TypingError{"option_that_the_command_lacks",
                    {"--region", "r", "serve"},
                    "unknown option '--region'"},
        TypingError{"option",
                    {"run-instances", "--imag-id", "x"},
                    "kiln: unknown option '--imag-id'; did you mean '--image-id'?\n'kiln "
                    "run-instances --help' shows its options."},
        TypingError{"option_of_serve",
                    {"serve", "--verbos"},
                    "unknown option '--verbos'; did you mean '--verbose'?"},
        TypingError{"required", {"create-image"}, "the option '--instance-id' is required"},
        TypingError{"argument", {"describe-images", "ami-1"}, "unexpected argument 'ami-1'"},
        TypingError{"output",
                    {"describe-images", "--output", "yaml"},
                    "--output: 'yaml' is not one of: table, json, text"},
        TypingError{
            "wait_without_waiter", {"describe-images", "--wait"}, "unknown option '--wait'"},
        TypingError{"wait_timeout",
                    {"run-instances", "--image-id", "x", "--wait-timeout", "0"},
                    "--wait-timeout: '0' is not a number of seconds from 1 to 86400"},
        TypingError{"nothing", {}, "Usage: kiln COMMAND [options]"},
        TypingError{"ssh_without_instance", {"ssh"}, "give one instance: kiln ssh i-…"},
        TypingError{"console_of_two", {"console", "a", "b"}, "give one instance"},
        TypingError{"build_without_recipe", {"build", "--name", "n"}, "give one recipe"},
        TypingError{"completion_of_fish", {"completion", "fish"}, "give the shell"}),
    [](const auto& test) { return test.param.name; });

TEST_F(CommandLineTest, without_a_service_a_command_fails_and_says_how_to_start_one) {
    const auto result = kiln({"describe-regions"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_output, IsEmpty());
    EXPECT_THAT(result.standard_error, HasSubstr("no kiln service answers at"));
    EXPECT_THAT(result.standard_error, HasSubstr("kiln serve"));
}

TEST_F(CommandLineTest, options_of_all_actions_may_stand_before_the_command) {
    const std::vector<std::vector<std::string>> lines{
        {"--region", "r", "describe-regions"},
        {"--account=lab", "--output", "json", "describe-regions", "--dry-run"}};
    for (const auto& words : lines)
        EXPECT_THAT(kiln(words).standard_error, HasSubstr("no kiln service answers at"));
    EXPECT_THAT(kiln({"--region", "r", "describe-regoins"}).standard_error,
                HasSubstr("unknown command 'describe-regoins'; did you mean 'describe-regions'?"));
    EXPECT_THAT(kiln({"--output", "yaml", "describe-regions"}).standard_error,
                HasSubstr("--output: 'yaml' is not one of"));
    EXPECT_EQ(kiln({"--region", "r", "--version"}).standard_output,
              kiln({"version"}).standard_output);
    EXPECT_EQ(kiln({"--account", "a", "help", "run-instances"}).standard_output,
              kiln({"run-instances", "--help"}).standard_output);
}

TEST_F(CommandLineTest, doctor_has_a_failing_line_for_a_service_that_is_not_there) {
    const auto result = kiln({"doctor"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_output, HasSubstr("failed   service"));
}

TEST_F(CommandLineTest, a_broken_configuration_is_told_by_its_place) {
    config_ = (directory_.path() / "kiln.yaml").string();
    std::ofstream(config_) << "regoin: x\n";
    const auto result = kiln({"describe-regions"});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("kiln.yaml:1: unknown key 'regoin'; did you mean "
                                                 "'region'?"));
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

TEST_F(CommandLineTest, completes_commands_options_and_choices) {
    using testing::ElementsAre;
    const auto complete = [this](std::vector<std::string> words) {
        words.insert(words.begin(), {"_complete", "--"});
        return lines_of(kiln(words).standard_output);
    };
    EXPECT_THAT(complete({"run-"}), ElementsAre("run-instances"));
    EXPECT_THAT(complete({"run-instances", "--im"}), ElementsAre("--image-id"));
    EXPECT_THAT(complete({"run-instances", "--output", "j"}), ElementsAre("json"));
    EXPECT_THAT(complete({"help", "bui"}), ElementsAre("build", "build-image"));
    EXPECT_THAT(complete({"completion", ""}), ElementsAre("bash"));
    EXPECT_THAT(complete({"serve", "--v"}), ElementsAre("--verbose"));
    EXPECT_THAT(complete({"nothing", "--v"}), ElementsAre());
    EXPECT_THAT(complete({"--reg"}), ElementsAre("--region"));
    EXPECT_THAT(complete({"--region"}), ElementsAre("--region"));
    EXPECT_THAT(complete({"--output", "j"}), ElementsAre("json"));
    EXPECT_THAT(complete({"--region", "r", "run-"}), ElementsAre("run-instances"));
    EXPECT_THAT(complete({"--region", "r", "run-instances", "--im"}), ElementsAre("--image-id"));
}

TEST_F(CommandLineTest, bash_takes_the_completion_script) {
    const std::string script = kiln({"completion", "bash"}).standard_output;
    const std::string bin = std::filesystem::path(places::kiln).parent_path();
    const auto result = run_process(
        {.arguments = {"bash", "-c",
                       script + "COMP_WORDS=(kiln describe-re); COMP_CWORD=1; _kiln; echo "
                                "\"${COMPREPLY[@]}\""},
         .environment = {"PATH=" + bin + ":/usr/bin:/bin"}});
    EXPECT_EQ(result.standard_output, "describe-regions\n") << result.standard_error;
}

TEST_F(CommandLineTest, a_result_that_cannot_be_written_is_a_failure) {
    const auto result = run_process(
        {.arguments = {"sh", "-c", std::string("exec ") + places::kiln + " help > /dev/full"}});
    EXPECT_EQ(result.exit_status, 1);
    EXPECT_THAT(result.standard_error, HasSubstr("write the result"));
}

}  // namespace

}  // namespace kiln::tests
