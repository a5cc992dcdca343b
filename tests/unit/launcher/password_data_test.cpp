#include "launcher/instances/password_data.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"

namespace kiln::launcher {
namespace {

TEST(PasswordData, is_what_stands_between_the_marks) {
    EXPECT_EQ(password_data_in("2026/11/29 booted\r\n<Username>Administrator</Username>\r\n"
                               "<Password>\r\nc2Vj\r\ncmV0\r\n</Password>\r\nready\r\n"),
              "c2VjcmV0");
}

TEST(PasswordData, is_the_last_one) {
    EXPECT_EQ(password_data_in("<Password>b25l</Password>\n<Password>dHdv</Password>\n"), "dHdv");
}

TEST(PasswordData, is_nothing_where_the_guest_says_nothing_of_the_kind) {
    for (const char* console :
         {"", "Windows is ready", "<Password>", "</Password>", "</Password><Password>",
          "<Password></Password>", "<Password>no base64!</Password>"}) {
        EXPECT_EQ(password_data_in(console), "") << console;
    }
    EXPECT_EQ(
        password_data_in("<Password>" + base64_encode(std::string(1025, 'x')) + "</Password>"), "")
        << "no key is so long";
}

}  // namespace
}  // namespace kiln::launcher
