#include "builder/remove_tree.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::builder {
namespace {

namespace fs = std::filesystem;

class RemoveTreeTest : public testing::Test {
  protected:
    RemoveTreeTest() {
        fs::create_directories(tree() / "root/etc");
        write_file_atomically(tree() / "root/etc/hosts", "localhost", 0400);
        write_file_atomically(tree() / "disk.raw", "", 0600);
        fs::resize_file(tree() / "disk.raw", Bytes::mebibytes(300).value);
        write_file_atomically(outside(), "kept", 0600);
        fs::create_symlink(outside(), tree() / "root/etc/link");
        fs::create_directory_symlink(directory_.path(), tree() / "root/up");
    }

    fs::path tree() const { return directory_.path() / "tree"; }
    fs::path outside() const { return directory_.path() / "outside"; }

    tests::TemporaryDirectory directory_;
};

TEST_F(RemoveTreeTest, removes_large_files_and_small_ones_and_follows_no_link) {
    remove_tree(tree());
    EXPECT_FALSE(fs::exists(tree()));
    EXPECT_EQ(read_file(outside()), "kept");
    EXPECT_NO_THROW(remove_tree(tree())) << "nothing is there any more";
}

TEST_F(RemoveTreeTest, a_stop_leaves_the_rest) {
    std::stop_source stop;
    stop.request_stop();
    remove_tree(tree(), stop.get_token(), std::chrono::milliseconds(0));
    EXPECT_TRUE(fs::exists(tree() / "root/etc/hosts"));
    EXPECT_EQ(fs::file_size(tree() / "disk.raw"), Bytes::mebibytes(300).value);
    EXPECT_EQ(read_file(outside()), "kept");
}

TEST_F(RemoveTreeTest, what_goes_in_the_time_of_grace_goes) {
    std::stop_source stop;
    stop.request_stop();
    remove_tree(tree(), stop.get_token());
    EXPECT_FALSE(fs::exists(tree()));
}

}  // namespace
}  // namespace kiln::builder
