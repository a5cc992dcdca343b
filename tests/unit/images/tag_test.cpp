#include "images/catalog/tag.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace kiln::images {

namespace {

std::string repeat(std::string_view text, std::size_t count) {
    std::string result;
    for (std::size_t i = 0; i < count; ++i)
        result += text;
    return result;
}

TEST(Tag, a_resource_s_type_follows_from_its_id) {
    EXPECT_EQ(resource_type_of("ami-0123456789abcdef0"), "image");
    EXPECT_EQ(resource_type_of("i-0123456789abcdef0"), "instance");
    EXPECT_EQ(resource_type_of("vol-0123456789abcdef0"), "volume");
    EXPECT_EQ(resource_type_of("snap-0123456789abcdef0"), "snapshot");
    EXPECT_EQ(resource_type_of("key-0123456789abcdef0"), "key-pair");
    EXPECT_EQ(resource_type_of("r-0123456789abcdef0"), "reservation");
    EXPECT_EQ(resource_type_of("sg-0123456789abcdef0"), "security-group");
    for (const std::string unknown : {"", "-", "amix-1", "layer-1", "op-1", "pl-1"})
        EXPECT_EQ(resource_type_of(unknown), "") << unknown;
}

TEST(Tag, keys_and_values_up_to_their_limits_are_accepted) {
    EXPECT_NO_THROW(check_tag({.key = "Name", .value = ""}));
    EXPECT_NO_THROW(check_tag({.key = repeat("k", 128), .value = repeat("v", 256)}));
    EXPECT_NO_THROW(check_tag({.key = repeat("ü", 128), .value = repeat("𝄞", 256)}))
        << "limits count characters, not bytes";
    EXPECT_NO_THROW(check_tag({.key = "aws", .value = "aws:"}));
    EXPECT_NO_THROW(check_tag({.key = "a key with: + - = . _ / @", .value = "<&>\"'"}));
}

TEST(Tag, what_no_one_may_set_is_refused) {
    const std::vector<Tag> refused{
        {.key = "", .value = "v"},
        {.key = repeat("k", 129), .value = "v"},
        {.key = "k", .value = repeat("v", 257)},
        {.key = "aws:cloudformation:stack-name", .value = "v"},
        {.key = "AWS:x", .value = "v"},
        {.key = "k\n", .value = "v"},
        {.key = "k", .value = "\x1b[31m"},
        {.key = "k\xff", .value = "v"},
        {.key = "k", .value = "\xc3"},
    };
    for (const Tag& tag : refused) {
        try {
            check_tag(tag);
            ADD_FAILURE() << "accepted '" << tag.key << "' = '" << tag.value << "'";
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), "InvalidParameterValue");
        }
    }
}

}  // namespace

}  // namespace kiln::images
