#include "api/output/printable.hpp"

#include <gtest/gtest.h>

namespace kiln::api {

namespace {

TEST(Printable, is_text_as_it_stands) {
    EXPECT_EQ(printable("/etc/passwd"), "/etc/passwd");
    EXPECT_EQ(printable("/\xc3\xbc/\xe6\x97\xa5"), "/\xc3\xbc/\xe6\x97\xa5");
    EXPECT_EQ(printable(""), "");
}

TEST(Printable, has_bytes_that_are_no_text_in_hexadecimal) {
    EXPECT_EQ(printable("a\xff"
                        "b"),
              "a\\xffb");
    EXPECT_EQ(printable("\xc3"), "\\xc3");
    EXPECT_EQ(printable("\n\x1b[31m\x7f"), "\\x0a\\x1b[31m\\x7f");
    EXPECT_EQ(printable("\xc2\x9b"
                        "x"),
              "\\xc2\\x9bx")
        << "C1: the other introducer of sequences";
}

TEST(Printable, tells_a_backslash_from_one_of_its_own) {
    EXPECT_EQ(printable("\\xff"), "\\\\xff");
}

}  // namespace

}  // namespace kiln::api
