#include "base/sha256.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace kiln {

namespace {

TEST(Sha256, of_pieces_is_that_of_the_whole) {
    Sha256 digest;
    EXPECT_EQ(digest.hex(), sha256_hex(""));
    digest.update("ab");
    EXPECT_EQ(digest.hex(), sha256_hex("ab"));
    digest.update("");
    digest.update("c");
    EXPECT_EQ(digest.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, is_known_by_its_64_lower_case_hex_digits) {
    EXPECT_TRUE(is_sha256_hex(sha256_hex("abc")));
    EXPECT_TRUE(is_sha256_hex(std::string(64, 'f')));
    for (const std::string& text :
         {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'),
          std::string(64, 'g'), std::string(63, 'a') + " ", std::string(64, '\0')})
        EXPECT_FALSE(is_sha256_hex(text)) << text;
}

}  // namespace

}  // namespace kiln
