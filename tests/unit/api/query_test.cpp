#include "api/protocol/query.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace kiln::api {

namespace {

TEST(Query, decodes_plus_and_escapes) {
    const WirePairs expected{{"Name", "a b"}, {"Value", "ü&="}, {"Empty", ""}, {"Bare", ""}};
    EXPECT_EQ(decode_query("Name=a+b&Value=%C3%BC%26%3d&Empty=&&Bare"), expected);
}

TEST(Query, what_is_encoded_decodes_to_the_same) {
    const WirePairs pairs{{"Tag.1.Key", "a+b c/%"}, {"Tag.1.Value", "1\n2\t…"}};
    EXPECT_EQ(decode_query(encode_query(pairs)), pairs);
}

TEST(Query, has_a_bound) {
    std::string text;
    for (int i = 0; i < 1'100; ++i)
        text += "a&";
    EXPECT_EQ(decode_query(text).size(), 1'100U);
    EXPECT_THROW(decode_query(text + "a"), Error);
}

class RefusedQuery : public testing::TestWithParam<const char*> {};

TEST_P(RefusedQuery, is_malformed) {
    try {
        decode_query(GetParam());
        FAIL() << "was taken";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "MalformedQueryString");
    }
}

INSTANTIATE_TEST_SUITE_P(table, RefusedQuery,
                         testing::Values("A=%", "A=%4", "A=%zz", "A=%00", "A=%1b", "A=%ff", "A=%c3",
                                         "A=%c0%af", "A=%ed%a0%80", "A=%f4%90%80%80", "%ff=A"));

}  // namespace

}  // namespace kiln::api
