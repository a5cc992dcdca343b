#include "cli/options/shorthand.hpp"

#include <gtest/gtest.h>

#include "cli/usage_error.hpp"

namespace kiln::cli {

namespace {

struct Taken {
    const char* text;
    const char* json;
};
class Shorthand : public testing::TestWithParam<Taken> {};

TEST_P(Shorthand, means_this_json) {
    EXPECT_EQ(parse_shorthand(GetParam().text).dump(), GetParam().json);
}

INSTANTIATE_TEST_SUITE_P(
    table, Shorthand,
    testing::Values(
        Taken{"Name=state", R"({"Name":"state"})"},
        Taken{"Name=state,Values=a,b", R"({"Name":"state","Values":["a","b"]})"},
        Taken{"Values=a,b,Name=state", R"({"Values":["a","b"],"Name":"state"})"},
        Taken{"Name=tag:Env,Values=pro*", R"({"Name":"tag:Env","Values":"pro*"})"},
        Taken{"Key=a=b", R"({"Key":"a=b"})"}, Taken{"Key=", R"({"Key":""})"},
        Taken{"Key=,Value=v", R"({"Key":"","Value":"v"})"},
        Taken{"Values=[a,b]", R"({"Values":["a","b"]})"}, Taken{"Values=[]", R"({"Values":[]})"},
        Taken{
            "ResourceType=instance,Tags=[{Key=k,Value=v},{Key=l,Value=w}]",
            R"({"ResourceType":"instance","Tags":[{"Key":"k","Value":"v"},{"Key":"l","Value":"w"}]})"},
        Taken{"DeviceName=/dev/sdb,Ebs={VolumeSize=8,VolumeType=gp3}",
              R"({"DeviceName":"/dev/sdb","Ebs":{"VolumeSize":"8","VolumeType":"gp3"}})"},
        Taken{R"(Key="a,b",Value='c=d')", R"({"Key":"a,b","Value":"c=d"})"},
        Taken{R"(Key="say \"hi\"")", R"({"Key":"say \"hi\""})"},
        Taken{R"(Key=a\,b)", R"({"Key":"a,b"})"}),
    [](const auto& test) { return "case_" + std::to_string(test.index); });

class RefusedShorthand : public testing::TestWithParam<Taken> {};

TEST_P(RefusedShorthand, is_told_where_it_is_wrong) {
    try {
        parse_shorthand(GetParam().text);
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), usage_error);
        EXPECT_EQ(error.message(), GetParam().json);
    }
}

INSTANTIATE_TEST_SUITE_P(
    table, RefusedShorthand,
    testing::Values(
        Taken{"", "cannot read '': a name and '=' are expected at character 1"},
        Taken{"state", "cannot read 'state': a name and '=' are expected at character 1"},
        Taken{"Name=a,Name=b",
              "cannot read 'Name=a,Name=b': 'Name' is given twice at character 13"},
        Taken{"Values=[a,b", "cannot read 'Values=[a,b': ']' is missing at character 12"},
        Taken{"Ebs={VolumeSize=8",
              "cannot read 'Ebs={VolumeSize=8': '}' is missing at character 18"},
        Taken{"Key=\"a", "cannot read 'Key=\"a': the closing \" is missing at character 7"},
        Taken{"Key=[a]b", "cannot read 'Key=[a]b': unexpected 'b' at character 8"},
        Taken{"A={A={A={A={A={A={A={A={A={A=1}}}}}}}}}",
              "cannot read 'A={A={A={A={A={A={A={A={A={A=1}}}}}}}}}': it is nested too deeply at "
              "character 28"}),
    [](const auto& test) { return "case_" + std::to_string(test.index); });

}  // namespace

}  // namespace kiln::cli
