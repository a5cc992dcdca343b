#include "builder/export/account_files.hpp"

#include <gtest/gtest.h>

namespace kiln::builder {

namespace {

AccountFiles debian_files() {
    return {.passwd = "root:x:0:0:root:/root:/bin/bash\ndebian:x:1000:1000::/home/debian:/bin/sh\n",
            .shadow = "root:*:19000:0:99999:7:::\n",
            .group = "root:x:0:\ndebian:x:1000:\nclub:x:1001:\n",
            .gshadow = "root:*::\n"};
}

TEST(AccountFilesTest, a_user_gets_numbers_that_nobody_has) {
    AccountFiles files = debian_files();
    EXPECT_EQ(add_user(files, "vagrant", "/bin/bash"), (UserIds{.user = 1002, .group = 1002}));
    EXPECT_EQ(files.passwd,
              debian_files().passwd + "vagrant:x:1002:1002:vagrant:/home/vagrant:/bin/bash\n");
    EXPECT_EQ(files.shadow, debian_files().shadow + "vagrant:*:19000:0:99999:7:::\n");
    EXPECT_EQ(files.group, debian_files().group + "vagrant:x:1002:\n");
    EXPECT_EQ(files.gshadow, debian_files().gshadow + "vagrant:!::\n");
}

TEST(AccountFilesTest, a_user_who_is_there_stays) {
    AccountFiles files = debian_files();
    files.passwd += "vagrant:x:500:600::/home/vagrant:/bin/zsh\n";
    const std::string before = files.passwd;
    EXPECT_EQ(add_user(files, "vagrant", "/bin/bash"), (UserIds{.user = 500, .group = 600}));
    EXPECT_EQ(files.passwd, before);
    EXPECT_EQ(files.group, debian_files().group);
}

TEST(AccountFilesTest, a_group_of_the_name_becomes_the_users) {
    AccountFiles files = debian_files();
    files.group += "vagrant:x:1200:";
    EXPECT_EQ(add_user(files, "vagrant", "/bin/sh"), (UserIds{.user = 1002, .group = 1200}));
    EXPECT_TRUE(files.passwd.ends_with("vagrant:x:1002:1200:vagrant:/home/vagrant:/bin/sh\n"));
    EXPECT_TRUE(files.group.ends_with("vagrant:x:1200:")) << "none is added";
}

TEST(AccountFilesTest, a_last_line_without_an_end_gets_one_and_files_that_are_not_there_stay_away) {
    AccountFiles files{.passwd = "root:x:0:0:root:/root:/bin/sh", .group = "root:x:0:"};
    EXPECT_EQ(add_user(files, "vagrant", "/bin/sh"), (UserIds{.user = 1000, .group = 1000}));
    EXPECT_EQ(files.passwd,
              "root:x:0:0:root:/root:/bin/sh\nvagrant:x:1000:1000:vagrant:/home/vagrant:/bin/sh\n");
    EXPECT_EQ(files.shadow, "");
    EXPECT_EQ(files.gshadow, "");
}

TEST(AccountFilesTest, lines_that_are_no_users_are_passed_over) {
    AccountFiles files = debian_files();
    files.passwd += "+\n\nnobody:x\nodd:x:many:1000::/:/bin/sh\n";
    EXPECT_EQ(add_user(files, "vagrant", "/bin/sh").user, 1002);
}

}  // namespace

}  // namespace kiln::builder
