#include "base/text.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"

namespace kiln {

namespace {

using ::testing::ElementsAre;

struct WildcardCase {
    const char* text;
    const char* pattern;
    bool matches;
};

TEST(Text, wildcards_match_as_ec2_filters_do) {
    const std::vector<WildcardCase> cases{
        {"", "", true},
        {"", "*", true},
        {"", "?", false},
        {"a", "", false},
        {"golden", "golden", true},
        {"golden", "Golden", false},
        {"golden", "gold", false},
        {"gold", "golden", false},
        {"golden-1", "golden-?", true},
        {"golden-12", "golden-?", false},
        {"golden", "*", true},
        {"golden", "**", true},
        {"golden", "*den", true},
        {"golden", "gol*", true},
        {"golden", "*old*", true},
        {"golden", "g*d*n", true},
        {"golden", "g*d*x", false},
        {"aaab", "*ab", true},
        {"abcabc", "*abc", true},
        {"a*b", "a\\*b", true},
        {"axb", "a\\*b", false},
        {"a?b", "a\\?b", true},
        {"axb", "a\\?b", false},
        {"a\\b", "a\\\\b", true},
        {"a\\", "a\\", true},
        {"golden", "golden\\*", false},
        {"x*", "*\\*", true},
        {"x", "*\\*", false},
    };
    for (const WildcardCase& example : cases) {
        EXPECT_EQ(matches_wildcard(example.text, example.pattern), example.matches)
            << "'" << example.text << "' with '" << example.pattern << "'";
    }
}

TEST(Text, a_pattern_of_many_stars_takes_no_exponential_time) {
    const std::string text(2000, 'a');
    std::string pattern;
    for (int i = 0; i < 200; ++i)
        pattern += "*a";

    EXPECT_FALSE(matches_wildcard(text, pattern + "b"));
    EXPECT_TRUE(matches_wildcard(text, pattern));
}

TEST(Text, the_nearest_candidate_is_one_typing_error_away) {
    const std::vector<std::string> options{"image-id", "instance-type", "key-name", "count"};

    EXPECT_EQ(nearest("imageid", options), "image-id");
    EXPECT_EQ(nearest("image-ids", options), "image-id");
    EXPECT_EQ(nearest("instnace-type", options), "instance-type");
    EXPECT_EQ(nearest("cuont", options), "count");
    EXPECT_EQ(nearest("count", options), "count");
}

TEST(Text, nothing_is_suggested_for_a_word_like_no_other) {
    EXPECT_EQ(nearest("zzz", {"image-id", "count"}), std::nullopt);
    EXPECT_EQ(nearest("count", {}), std::nullopt);
    EXPECT_EQ(nearest("", {"image-id"}), std::nullopt);
    const std::string long_word(200, 'a');
    EXPECT_EQ(nearest(long_word, {long_word}), std::nullopt) << "no person misspelt it";
}

TEST(Text, what_others_wrote_stays_on_one_line) {
    EXPECT_EQ(on_one_line("a\r\nb\x1b[2Jc\x7f"), "a  b [2Jc ");
    EXPECT_EQ(on_one_line("Grün 1"), "Grün 1");
}

TEST(Text, kebab_case_is_that_of_aws_options) {
    EXPECT_EQ(to_kebab_case(""), "");
    EXPECT_EQ(to_kebab_case("Count"), "count");
    EXPECT_EQ(to_kebab_case("DescribeImages"), "describe-images");
    EXPECT_EQ(to_kebab_case("InstanceIds"), "instance-ids");
    EXPECT_EQ(to_kebab_case("DryRun"), "dry-run");
    EXPECT_EQ(to_kebab_case("EBSOptimized"), "ebs-optimized");
    EXPECT_EQ(to_kebab_case("KmsKeyId"), "kms-key-id");
    EXPECT_EQ(to_kebab_case("CidrIp"), "cidr-ip");
    EXPECT_EQ(to_kebab_case("already"), "already");
}

TEST(Text, base64_is_that_of_rfc_4648) {
    const std::vector<std::pair<std::string, std::string>> vectors{
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {std::string("\0\xff\n", 3), "AP8K"}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(base64_encode(bytes), text);
        EXPECT_EQ(base64_decode(text), bytes);
    }
    EXPECT_EQ(base64_decode(" Zm9v\r\nYmFy\n"), "foobar");
}

TEST(Text, what_is_not_base64_is_refused) {
    for (const std::string text :
         {"Z", "Zg", "Zg=", "Zg===", "====", "=", "Z===", "Zm9v!", "Zm9v!!!!", "Zm9v----", "ab=c",
          "=abc", "Zg==Zg==", "Zm9v_-==", "ä"}) {
        EXPECT_EQ(base64_decode(text), std::nullopt) << text;
    }
    EXPECT_EQ(base64_decode(std::string("Zm\0v", 4)), std::nullopt);
}

TEST(Text, bytes_of_any_kind_survive_base64) {
    std::string bytes;
    for (int i = 0; i < 1000; ++i)
        bytes += static_cast<char>(i * 31);
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
}

TEST(Text, sha256_is_that_of_fips_180) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Text, characters_are_counted_and_malformed_utf8_is_not) {
    EXPECT_EQ(count_characters(""), 0U);
    EXPECT_EQ(count_characters("abc"), 3U);
    EXPECT_EQ(count_characters("ü€𝄞"), 3U);
    EXPECT_EQ(count_characters(std::string(1, '\0')), 1U);
    for (const std::string text : {
             "\x80",
             "\xc3",
             "\xc3(",
             "\xc0\xaf",
             "\xc1\xbf",  // stray, cut off, overlong
             "\xe0\x80\xaf",
             "\xe2\x82",
             "\xed\xa0\x80",  // overlong, cut off, surrogate
             "\xf0\x80\x80\xaf",
             "\xf4\x90\x80\x80",
             "\xf5\x80\x80\x80",
             "\xff",
         }) {
        EXPECT_EQ(count_characters(text), std::nullopt) << testing::PrintToString(text);
    }
}

TEST(Text, split_keeps_empty_parts) {
    EXPECT_THAT(split("a,b", ','), ElementsAre("a", "b"));
    EXPECT_THAT(split("", ','), ElementsAre(""));
    EXPECT_THAT(split(",a,,b,", ','), ElementsAre("", "a", "", "b", ""));
}

TEST(Text, trim_takes_white_space_off_both_ends) {
    EXPECT_EQ(trim(" \t a b \r\n"), "a b");
    EXPECT_EQ(trim(" \n "), "");
    EXPECT_EQ(trim(""), "");
}

}  // namespace

}  // namespace kiln
