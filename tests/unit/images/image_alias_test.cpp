#include "images/catalog/image_alias.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace kiln::images {

namespace {

TEST(ImageAliasName, has_the_tag_latest_unless_it_says_another) {
    EXPECT_EQ(alias_name("golden"), "golden:latest");
    EXPECT_EQ(alias_name("golden:v2"), "golden:v2");
    EXPECT_EQ(alias_name("team/web_1.x-y:V2_rc.1"), "team/web_1.x-y:V2_rc.1");
    EXPECT_EQ(alias_name("7"), "7:latest");
    EXPECT_EQ(alias_name(std::string(128, 'a')), std::string(128, 'a') + ":latest");
}

TEST(ImageAliasName, is_not_what_cannot_be_told_from_something_else) {
    for (const std::string name : {"",
                                   ":",
                                   "golden:",
                                   ":latest",
                                   "golden:a:b",
                                   "Golden",
                                   "-golden",
                                   ".golden",
                                   "_golden",
                                   "/golden",
                                   "gol den",
                                   "golden:-v",
                                   "golden:.v",
                                   "golden:v/2",
                                   "g\xc3\xb6lden",
                                   "golden\n",
                                   "ami-0123456789abcdef0",
                                   "ami-web",
                                   "aki-web:latest",
                                   "ari-x",
                                   "eki-x",
                                   "i-0123abcd",
                                   "snap-0123456789abcdef0",
                                   "vol-0123abcd:latest"}) {
        EXPECT_EQ(alias_name(name), std::nullopt) << name;
    }
    EXPECT_EQ(alias_name(std::string(129, 'a')), std::nullopt);
    EXPECT_EQ(alias_name("a:" + std::string(129, 'a')), std::nullopt);
}

TEST(ImageAliasName, may_have_a_hyphen_like_an_id_but_not_look_like_one) {
    EXPECT_EQ(alias_name("i-web"), "i-web:latest");
    EXPECT_EQ(alias_name("web-0123abc"), "web-0123abc:latest");
    EXPECT_EQ(alias_name("web-20261130"), "web-20261130:latest");
}

TEST(ImageAliasName, can_be_the_id_of_an_image_of_somewhere_else) {
    EXPECT_EQ(checked_alias_name("ami-0123456789abcdef0"), "ami-0123456789abcdef0");
    EXPECT_EQ(checked_alias_name("golden"), "golden:latest");
    try {
        checked_alias_name("ami-golden");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), error_code::invalid_parameter_value);
        EXPECT_NE(error.message().find("NAME:TAG"), std::string::npos) << error.message();
    }
}

}  // namespace

}  // namespace kiln::images
