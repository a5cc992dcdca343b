#include "base/file_readers.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FileReadersTest : public testing::Test {
  protected:
    FileReadersTest() { write_file_atomically(file(), "content", 0400); }

    std::filesystem::path file() const { return directory_.path() / "file"; }
    mode_t mode() const {
        struct stat status {};
        EXPECT_EQ(::stat(file().c_str(), &status), 0);
        return status.st_mode & 07777;
    }

    tests::TemporaryDirectory directory_;
};

TEST_F(FileReadersTest, are_named_one_by_one_and_taken_back) {
    ASSERT_TRUE(can_name_readers(directory_.path()));
    EXPECT_THAT(readers_of(file()), IsEmpty());

    add_reader(file(), 2130706433);
    add_reader(file(), 70000);
    add_reader(file(), 70000);
    EXPECT_THAT(readers_of(file()), ElementsAre(70000, 2130706433));

    remove_reader(file(), 2130706433);
    remove_reader(file(), 2130706433);
    EXPECT_THAT(readers_of(file()), ElementsAre(70000));
}

TEST_F(FileReadersTest, leave_the_mode_as_it_was_when_the_last_is_gone) {
    add_reader(file(), 70000);
    EXPECT_EQ(mode(), 0440U) << "the group's bits are the mask of the names";
    remove_reader(file(), 70000);
    EXPECT_EQ(mode(), 0400U);
}

TEST_F(FileReadersTest, have_again_what_a_chmod_took) {
    add_reader(file(), 70000);
    std::filesystem::permissions(file(), std::filesystem::perms{0400});
    EXPECT_EQ(mode(), 0400U) << "nobody can read it by the list";
    add_reader(file(), 70000);
    EXPECT_EQ(mode(), 0440U);
}

TEST_F(FileReadersTest, may_be_replaced_by_one_who_only_reads) {
    std::filesystem::permissions(file(), std::filesystem::perms{0600});
    add_reader(file(), 70001);
    std::filesystem::permissions(file(), std::filesystem::perms{0670});  // the mask: all may write
    set_only_reader(file(), 70000);
    EXPECT_THAT(readers_of(file()), ElementsAre(70000));
    EXPECT_EQ(mode(), 0640U);
}

TEST_F(FileReadersTest, of_a_file_that_is_gone_are_nobody) {
    remove_file(file());
    EXPECT_THAT(readers_of(file()), IsEmpty());
    EXPECT_NO_THROW(remove_reader(file(), 70000));
    EXPECT_THROW(add_reader(file(), 70000), Error);
}

TEST_F(FileReadersTest, cannot_be_named_where_there_are_no_lists) {
    EXPECT_FALSE(can_name_readers("/proc"));
}

}  // namespace
}  // namespace kiln
