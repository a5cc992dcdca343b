#include "base/file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "base/error.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln {

namespace {

using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
  protected:
    std::filesystem::path path(const std::string& name) const { return directory_.path() / name; }
    void put(const std::string& name, const std::string& content) const {
        std::ofstream(path(name), std::ios::binary) << content;
    }
    static std::string message_of(const std::function<void()>& work) {
        try {
            work();
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), "InternalError");
            return error.message();
        }
        return "";
    }

    tests::TemporaryDirectory directory_;
};

TEST_F(FileTest, a_file_is_read_whole_up_to_the_limit) {
    const std::string content = std::string(100'000, 'a') + std::string("\0\xff", 2);
    put("file", content);

    EXPECT_EQ(read_file(path("file")), content);
    EXPECT_EQ(read_file(path("file"), Bytes{content.size()}), content);
    EXPECT_THAT(message_of([&] { read_file(path("file"), Bytes{content.size() - 1}); }),
                HasSubstr("is larger than 100001 bytes"));
}

TEST_F(FileTest, a_missing_file_is_named) {
    EXPECT_EQ(message_of([&] { read_file(path("none")); }),
              "cannot open '" + path("none").string() + "': No such file or directory");
}

TEST_F(FileTest, a_tail_is_the_end_of_the_file) {
    put("log", "0123456789");

    EXPECT_EQ(read_file_tail(path("log"), Bytes{4}), "6789");
    EXPECT_EQ(read_file_tail(path("log"), Bytes{10}), "0123456789");
    EXPECT_EQ(read_file_tail(path("log"), Bytes{100}), "0123456789");
    EXPECT_EQ(read_file_tail(path("log"), Bytes{0}), "");
    EXPECT_EQ(read_file_tail(path("none"), Bytes{4}), "");
}

TEST_F(FileTest, an_atomic_write_replaces_content_and_mode_and_leaves_no_other_file) {
    put("file", "old");

    write_file_atomically(path("file"), "new", 0640);

    EXPECT_EQ(read_file(path("file")), "new");
    struct stat status {};
    ASSERT_EQ(::stat(path("file").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0640U) << "whatever the umask";
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}), 1);
}

TEST_F(FileTest, an_atomic_write_that_fails_keeps_the_old_content) {
    std::filesystem::create_directory(path("directory"));
    put("directory/child", "kept");

    EXPECT_THAT(message_of([&] { write_file_atomically(path("directory"), "new", 0600); }),
                HasSubstr("rename"));

    EXPECT_EQ(read_file(path("directory/child")), "kept");
    EXPECT_FALSE(std::filesystem::exists(path("directory.part")));
    EXPECT_THAT(message_of([&] { write_file_atomically(path("no/file"), "new", 0600); }),
                HasSubstr("No such file or directory"));
}

TEST_F(FileTest, an_atomic_write_does_not_follow_a_link_left_at_its_part) {
    put("victim", "untouched");
    std::filesystem::create_symlink(path("victim"), path("file.part"));

    EXPECT_NE(message_of([&] { write_file_atomically(path("file"), "new", 0600); }), "");

    EXPECT_EQ(read_file(path("victim")), "untouched");
}

TEST_F(FileTest, reading_at_an_offset_ends_where_the_file_does) {
    put("file", "0123456789");
    const Fd fd(::open(path("file").c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 4> buffer{};

    EXPECT_EQ(read_at(fd, path("file"), Bytes{2}, buffer), 4U);
    EXPECT_EQ(std::string_view(buffer.data(), 4), "2345");
    EXPECT_EQ(read_at(fd, path("file"), Bytes{9}, buffer), 1U);
    EXPECT_EQ(buffer[0], '9');
    EXPECT_EQ(read_at(fd, path("file"), Bytes{10}, buffer), 0U);
    EXPECT_EQ(message_of([&] { read_at(Fd(), path("file"), Bytes{0}, buffer); }),
              "cannot read '" + path("file").string() + "': Bad file descriptor");
}

TEST_F(FileTest, what_is_written_is_there_whole_and_a_full_disk_says_so) {
    const Fd fd(::open(path("file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));

    write_all(fd, path("file"), "0123");
    write_at(fd, path("file"), Bytes{6}, "67");
    write_all(fd, path("file"), "45");
    sync_file(fd, path("file"));

    EXPECT_EQ(read_file(path("file")), "01234567");
    const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    for (const auto& write : std::initializer_list<std::function<void()>>{
             [&] { write_all(full, "/dev/full", "x"); },
             [&] { write_at(full, "/dev/full", Bytes{0}, "x"); }})
        EXPECT_EQ(message_of(write), "cannot write '/dev/full': No space left on device");
}

TEST_F(FileTest, a_lock_is_refused_to_a_second_descriptor_until_the_first_lets_go) {
    Fd first = try_lock_file(path("lock"));
    ASSERT_TRUE(first);
    EXPECT_FALSE(try_lock_file(path("lock")));

    first.reset();

    EXPECT_TRUE(try_lock_file(path("lock")));
}

TEST_F(FileTest, a_lock_is_refused_to_another_process_and_ends_with_its_holder) {
    int ready[2];
    int release[2];
    ASSERT_EQ(::pipe(ready), 0);
    ASSERT_EQ(::pipe(release), 0);
    const pid_t holder = ::fork();
    if (holder == 0) {
        const Fd lock = try_lock_file(path("lock"));
        char byte = lock ? 'y' : 'n';
        static_cast<void>(::write(ready[1], &byte, 1));
        ::close(release[1]);
        static_cast<void>(::read(release[0], &byte, 1));
        ::_exit(0);
    }
    ::close(release[0]);
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ASSERT_EQ(byte, 'y');
    EXPECT_FALSE(try_lock_file(path("lock")));

    ::close(release[1]);
    ASSERT_EQ(::waitpid(holder, nullptr, 0), holder);

    EXPECT_TRUE(try_lock_file(path("lock")));
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST_F(FileTest, removing_tells_whether_the_file_was_there) {
    put("file", "x");

    EXPECT_TRUE(remove_file(path("file")));
    EXPECT_FALSE(remove_file(path("file")));
    std::filesystem::create_directory(path("directory"));
    EXPECT_THAT(message_of([&] { remove_file(path("directory")); }), HasSubstr("cannot remove"));
}

TEST_F(FileTest, syncing_what_is_not_there_is_an_error) {
    put("file", "x");
    EXPECT_NO_THROW(sync_file(path("file")));
    EXPECT_NO_THROW(sync_directory(directory_.path()));

    EXPECT_THAT(message_of([&] { sync_file(path("none")); }), HasSubstr("cannot open"));
    EXPECT_THAT(message_of([&] { sync_directory(path("file")); }), HasSubstr("Not a directory"));
}

TEST_F(FileTest, holes_occupy_no_space) {
    put("sparse", "x");
    std::filesystem::resize_file(path("sparse"), Bytes::mebibytes(100).value);

    EXPECT_LT(allocated_size(path("sparse")), Bytes::mebibytes(1));
    EXPECT_GT(allocated_size(path("sparse")), Bytes{0});
    EXPECT_NE(message_of([&] { allocated_size(path("none")); }), "");
}

TEST_F(FileTest, free_space_is_asked_of_the_file_system_of_the_path) {
    EXPECT_GT(free_space(directory_.path()), Bytes{0});
    EXPECT_EQ(free_space("/proc"), Bytes{0});
    EXPECT_NE(message_of([&] { free_space(path("none")); }), "");
}

}  // namespace

}  // namespace kiln
