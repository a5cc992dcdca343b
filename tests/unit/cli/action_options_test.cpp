#include "cli/options/action_options.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "cli/actions/run_action.hpp"
#include "cli/usage_error.hpp"
#include "tests/temporary_directory.hpp"
#include "tests/unit/cli/sample_action.hpp"

namespace kiln::cli {

namespace {

using Words = std::vector<std::string>;
using api::WirePairs;

WirePairs pairs_for(Words words) {
    words.insert(words.begin(), {"--thing-id", "t-1"});
    const api::Action action = tests::sample_action();
    WirePairs pairs = request_pairs(action, parse_command_line(command_options(action), words));
    std::erase(pairs, WirePairs::value_type{"ThingId", "t-1"});
    return pairs;
}

struct Taken {
    const char* name;
    Words words;
    WirePairs pairs;
};
class Options : public testing::TestWithParam<Taken> {};

TEST_P(Options, become_the_pairs_of_the_request) {
    EXPECT_EQ(pairs_for(GetParam().words), GetParam().pairs);
}

INSTANTIATE_TEST_SUITE_P(
    table, Options,
    testing::Values(
        Taken{"text", {"--name", "a b"}, {{"Name", "a b"}}},
        Taken{"text_after_equals", {"--name=a=b"}, {{"Name", "a=b"}}},
        Taken{"empty_text", {"--name", ""}, {{"Name", ""}}},
        Taken{"empty_text_after_equals", {"--name="}, {{"Name", ""}}},
        Taken{"integer", {"--size", "8"}, {{"Size", "8"}}},
        Taken{"list", {"--owners", "self", "amazon"}, {{"Owner.1", "self"}, {"Owner.2", "amazon"}}},
        Taken{"list_twice",
              {"--owners", "a", "--name", "n", "--owners", "b"},
              {{"Owner.1", "a"}, {"Owner.2", "b"}, {"Name", "n"}}},
        Taken{"list_in_json", {"--owners", R"(["a","b"])"}, {{"Owner.1", "a"}, {"Owner.2", "b"}}},
        Taken{"list_ends_at_the_next_option",
              {"--owners", "a", "--dry-run"},
              {{"Owner.1", "a"}, {"DryRun", "true"}}},
        Taken{"choice_in_any_case", {"--kind", "Big"}, {{"Kind", "Big"}}},
        Taken{"flag", {"--dry-run"}, {{"DryRun", "true"}}},
        Taken{"opposite_flag", {"--no-dry-run"}, {{"DryRun", "false"}}},
        Taken{"flag_named_no", {"--no-reboot"}, {{"NoReboot", "true"}}},
        Taken{"opposite_of_flag_named_no", {"--reboot"}, {{"NoReboot", "false"}}},
        Taken{"blob", {"--script", "#!/bin/sh"}, {{"Script", "IyEvYmluL3No"}}},
        Taken{"bare_attribute", {"--kernel", "aki-1"}, {{"Kernel.Value", "aki-1"}}},
        Taken{"attribute", {"--kernel", "Value=aki-1"}, {{"Kernel.Value", "aki-1"}}},
        Taken{"attribute_in_json", {"--kernel", R"({"Value":"k"})"}, {{"Kernel.Value", "k"}}},
        Taken{"boolean_attribute", {"--protection"}, {{"Protection.Value", "true"}}},
        Taken{"boolean_attribute_with_value",
              {"--protection", "false"},
              {{"Protection.Value", "false"}}},
        Taken{"boolean_attribute_in_full",
              {"--protection", "Value=false"},
              {{"Protection.Value", "false"}}},
        Taken{"boolean_attribute_denied", {"--no-protection"}, {{"Protection.Value", "false"}}},
        Taken{"blob_attribute", {"--user-data", "hi"}, {{"UserData.Value", "aGk="}}},
        Taken{"filters",
              {"--filters", "Name=state,Values=a,b", "Name=tag:Env,Values=x"},
              {{"Filter.1.Name", "state"},
               {"Filter.1.Value.1", "a"},
               {"Filter.1.Value.2", "b"},
               {"Filter.2.Name", "tag:Env"},
               {"Filter.2.Value.1", "x"}}},
        Taken{"filters_in_json",
              {"--filters", R"([{"Name":"state","Values":["a"]}])"},
              {{"Filter.1.Name", "state"}, {"Filter.1.Value.1", "a"}}},
        Taken{"tags",
              {"--tag-specifications", "ResourceType=instance,Tags=[{Key=k,Value=v}]"},
              {{"TagSpecification.1.ResourceType", "instance"},
               {"TagSpecification.1.Tag.1.Key", "k"},
               {"TagSpecification.1.Tag.1.Value", "v"}}},
        Taken{"disks",
              {"--block-device-mappings",
               R"([{"DeviceName":"/dev/sdb","Ebs":{"VolumeSize":8,"DeleteOnTermination":false}},)"
               R"({"DeviceName":"/dev/sdc","NoDevice":""}])"},
              {{"BlockDeviceMapping.1.DeviceName", "/dev/sdb"},
               {"BlockDeviceMapping.1.Ebs.VolumeSize", "8"},
               {"BlockDeviceMapping.1.Ebs.DeleteOnTermination", "false"},
               {"BlockDeviceMapping.2.DeviceName", "/dev/sdc"},
               {"BlockDeviceMapping.2.NoDevice", ""}}},
        Taken{"value_of_dashes", {"--name", "--- a"}, {{"Name", "--- a"}}},
        Taken{"value_like_an_option", {"--name=--owners"}, {{"Name", "--owners"}}},
        Taken{"own_option", {"--count", "3"}, {{"MinCount", "3"}}},
        Taken{"options_of_the_program", {"--wait", "--output", "json"}, {}}),
    [](const auto& test) { return test.param.name; });

struct Refused {
    const char* name;
    Words words;
    const char* message;
};
class RefusedOptions : public testing::TestWithParam<Refused> {};

TEST_P(RefusedOptions, are_told_what_is_wrong_with_them) {
    try {
        pairs_for(GetParam().words);
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), usage_error);
        EXPECT_EQ(error.message(), GetParam().message);
    }
}

INSTANTIATE_TEST_SUITE_P(
    table, RefusedOptions,
    testing::Values(
        Refused{"typing_error", {"--nmae", "x"}, "unknown option '--nmae'; did you mean '--name'?"},
        Refused{"typing_error_with_value",
                {"--ownrs=x"},
                "unknown option '--ownrs'; did you mean '--owners'?"},
        Refused{
            "no_abbreviations", {"--nam", "x"}, "unknown option '--nam'; did you mean '--name'?"},
        Refused{"hidden",
                {"--min-count", "1"},
                "unknown option '--min-count'; did you mean '--count'?"},
        Refused{"stray_argument", {"--name", "x", "y"}, "unexpected argument 'y'"},
        Refused{"no_value", {"--name"}, "the required argument for option '--name' is missing"},
        Refused{"option_for_a_value",
                {"--name", "--owners", "x"},
                "the option '--name' needs a value; if '--owners' is meant, write --name=--owners"},
        Refused{"twice", {"--name", "a", "--name", "b"}, "the option '--name' is given twice"},
        Refused{
            "value_of_a_flag", {"--dry-run=yes"}, "option '--dry-run' does not take any arguments"},
        Refused{"flag_and_opposite",
                {"--dry-run", "--no-dry-run"},
                "--dry-run and --no-dry-run exclude each other"},
        Refused{"no_number", {"--size", "8G"}, "--size: '8G' is not a whole number"},
        Refused{"no_choice", {"--kind", "huge"}, "--kind: 'huge' is not one of: big, small"},
        Refused{"no_shorthand",
                {"--filters", "state"},
                "cannot read 'state': a name and '=' are expected at character 1"},
        Refused{"unknown_member",
                {"--filters", "Nmae=x,Values=y"},
                "--filters: Filters has no 'Nmae'; did you mean 'Name'?"},
        Refused{"member_missing", {"--filters", "Name=x"}, "--filters: Filters lacks its Values"},
        Refused{"nested_unknown_member",
                {"--block-device-mappings", "DeviceName=x,Ebs={VolumeSise=8}"},
                "--block-device-mappings: Ebs has no 'VolumeSise'; did you mean 'VolumeSize'?"},
        Refused{"no_boolean",
                {"--protection", "maybe"},
                "--protection: 'maybe' is neither true nor false"},
        Refused{"own_option", {"--count", "0"}, "--count: none is too few"}),
    [](const auto& test) { return test.param.name; });

TEST(RequiredOptions, are_asked_for) {
    const api::Action action = tests::sample_action();
    try {
        request_pairs(action, parse_command_line(command_options(action), {"--name", "x"}));
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.message(), "the option '--thing-id' is required");
    }
}

TEST(BareArguments, stand_for_the_only_required_parameter) {
    const api::Action action = tests::sample_action();
    const CommandLine line = parse_command_line(command_options(action), {"t-7"});
    EXPECT_EQ(request_pairs(action, line), (WirePairs{{"ThingId", "t-7"}}));
}

TEST(BareArguments, are_refused_when_there_are_too_many) {
    const api::Action action = tests::sample_action();
    const CommandLine line = parse_command_line(command_options(action), {"t-7", "t-8"});
    EXPECT_THROW(request_pairs(action, line), Error);
}

class FileOptions : public testing::Test {
  protected:
    std::string file(const std::string& scheme, const std::string& content) {
        const auto path = directory_.path() / "file";
        std::ofstream(path, std::ios::binary) << content;
        return scheme + "://" + path.string();
    }
    kiln::tests::TemporaryDirectory directory_;
};

TEST_F(FileOptions, give_what_is_in_the_file) {
    EXPECT_EQ(pairs_for({"--name", file("file", "from a file")}),
              (WirePairs{{"Name", "from a file"}}));
}

TEST_F(FileOptions, encode_the_bytes_of_a_blob) {
    const std::string bytes("\0\xff", 2);
    EXPECT_EQ(pairs_for({"--script", file("fileb", bytes)}), (WirePairs{{"Script", "AP8="}}));
    EXPECT_EQ(pairs_for({"--script", file("file", "hi")}), (WirePairs{{"Script", "aGk="}}));
}

TEST_F(FileOptions, may_hold_json) {
    EXPECT_EQ(pairs_for({"--filters", file("file", R"([{"Name":"a","Values":["b"]}])")}),
              (WirePairs{{"Filter.1.Name", "a"}, {"Filter.1.Value.1", "b"}}));
}

TEST_F(FileOptions, are_the_value_of_an_attribute) {
    EXPECT_EQ(pairs_for({"--user-data", file("file", "hi")}),
              (WirePairs{{"UserData.Value", "aGk="}}));
}

TEST_F(FileOptions, that_do_not_exist_are_a_usage_error) {
    try {
        pairs_for({"--name", "file:///nonexistent/file"});
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), usage_error);
    }
}

}  // namespace

}  // namespace kiln::cli
