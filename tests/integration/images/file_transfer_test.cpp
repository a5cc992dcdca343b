#include "images/layers/file_transfer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "images/layers/pool.hpp"
#include "images/layers/sparse_copy.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using tests::error_code_of;
using tests::error_message_of;

constexpr Bytes file_size = Bytes::mebibytes(80);

/// A directory on a file system of its own.
class OtherFileSystem {
  public:
    OtherFileSystem() { std::filesystem::create_directories(path_); }
    ~OtherFileSystem() { std::filesystem::remove_all(path_); }
    OtherFileSystem(const OtherFileSystem&) = delete;
    OtherFileSystem& operator=(const OtherFileSystem&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_ = std::filesystem::path("/dev/shm") / LayerId::generate().str();
};

class FileTransferTest : public ::testing::Test {
  protected:
    /// A file of file_size with data in three places, the last at its end, and holes between.
    std::filesystem::path sparse_file() const {
        const std::filesystem::path path = directory_.path() / "source";
        const Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        std::filesystem::resize_file(path, file_size.value);
        write_at(file, path, {0}, std::string(5000, 'a'));
        write_at(file, path, Bytes::mebibytes(20), std::string(3 << 20, 'b'));
        write_at(file, path, {file_size.value - 3}, "end");
        return path;
    }
    std::filesystem::path near() const { return directory_.path() / "target"; }
    std::filesystem::path far() const { return other_.path() / "target"; }
    static bool same_content(const std::filesystem::path& a, const std::filesystem::path& b) {
        return read_file(a, file_size) == read_file(b, file_size);
    }
    Transfer transfer(const std::filesystem::path& to) {
        return transfer_file(sparse_file(), to, [this](Bytes count) { told_.value += count.value; },
                             {});
    }

    tests::TemporaryDirectory directory_;
    OtherFileSystem other_;
    Bytes told_;
};

TEST_F(FileTransferTest, on_one_file_system_no_byte_is_copied) {
    EXPECT_THAT(transfer(near()), AnyOf(Transfer::reflinked, Transfer::linked));
    EXPECT_EQ(told_, Bytes{0});
    EXPECT_TRUE(same_content(directory_.path() / "source", near()));
}

TEST_F(FileTransferTest, on_another_file_system_the_content_is_copied_and_holes_stay_holes) {
    EXPECT_EQ(transfer(far()), Transfer::copied);
    EXPECT_TRUE(same_content(directory_.path() / "source", far()));
    EXPECT_GE(told_, Bytes::mebibytes(3));
    EXPECT_LT(told_, Bytes::mebibytes(4));
    EXPECT_LT(allocated_size(far()), Bytes::mebibytes(4));
}

TEST_F(FileTransferTest, a_file_that_is_all_hole_or_empty_is_copied) {
    for (const Bytes size : {Bytes{0}, Bytes::mebibytes(2)}) {
        const std::filesystem::path source = directory_.path() / "holes";
        write_file_atomically(source, "", 0600);
        std::filesystem::resize_file(source, size.value);
        EXPECT_EQ(transfer_file(source, far(), nullptr, {}), Transfer::copied);
        EXPECT_EQ(std::filesystem::file_size(far()), size.value);
        EXPECT_EQ(allocated_size(far()), Bytes{0});
        remove_file(far());
    }
}

TEST_F(FileTransferTest, a_stop_ends_the_copy_and_leaves_nothing) {
    std::stop_source stop;
    EXPECT_EQ(error_code_of([&] {
                  transfer_file(
                      sparse_file(), far(), [&](Bytes) { stop.request_stop(); }, stop.get_token());
              }),
              "Canceled");
    EXPECT_FALSE(std::filesystem::exists(far()));
}

TEST_F(FileTransferTest, a_copy_that_cannot_be_written_leaves_nothing) {
    const auto source = sparse_file();
    struct rlimit limit {};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit small { .rlim_cur = 21U << 20U, .rlim_max = limit.rlim_max };
    std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const std::string message =
        error_message_of([&] { transfer_file(source, far(), nullptr, {}); });
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    EXPECT_THAT(message, HasSubstr("File too large"));
    EXPECT_FALSE(std::filesystem::exists(far()));
}

TEST_F(FileTransferTest, a_source_that_is_written_meanwhile_is_refused) {
    const auto source = sparse_file();
    bool is_written = false;
    const auto write_once = [&](Bytes) {
        if (!is_written) std::filesystem::resize_file(source, file_size.value + 1);
        is_written = true;
    };
    EXPECT_THAT(error_message_of([&] { transfer_file(source, far(), write_once, {}); }),
                HasSubstr("was written while it was copied"));
    EXPECT_FALSE(std::filesystem::exists(far()));
}

TEST_F(FileTransferTest, what_is_in_the_way_is_not_overwritten) {
    write_file_atomically(far(), "mine", 0600);
    EXPECT_THAT(error_message_of([&] { transfer(far()); }), HasSubstr("File exists"));
    EXPECT_EQ(read_file(far()), "mine");
}

TEST_F(FileTransferTest, data_of_many_pieces_is_told_in_full) {
    const std::filesystem::path source = directory_.path() / "full";
    write_file_atomically(source, std::string(piece_size * 20 + 1, 'x'), 0600);
    Bytes told;
    transfer_file(source, far(), [&](Bytes count) { told.value += count.value; }, {});
    EXPECT_EQ(told, Bytes{piece_size * 20 + 1});
    EXPECT_TRUE(same_content(source, far()));
}

TEST_F(FileTransferTest, a_piece_that_does_not_hold_what_was_written_is_found) {
    const OpenFile file = open_file(sparse_file(), O_RDONLY);
    PieceBuffer buffer;
    check_piece(file, {0}, std::string(5000, 'a'), buffer);
    EXPECT_THAT(error_message_of([&] { check_piece(file, {100}, "aabaa", buffer); }),
                HasSubstr("at byte 102"));
}

TEST_F(FileTransferTest, a_piece_behind_the_end_of_the_file_is_found) {
    const OpenFile file = open_file(sparse_file(), O_RDONLY);
    PieceBuffer buffer;
    const std::string message =
        error_message_of([&] { check_piece(file, {file_size.value - 3}, "end!", buffer); });
    EXPECT_THAT(message, HasSubstr(fmt::format("at byte {}", file_size.value)));
}

TEST_F(FileTransferTest, a_pool_receives_a_layer_of_another_one_frozen_and_whole) {
    for (const std::filesystem::path& parent : {directory_.path(), other_.path()}) {
        const Pool from(directory_.path() / "from");
        const Pool to(parent / "to");
        const LayerId layer = LayerId::generate();
        from.create_empty(layer, Bytes::mebibytes(1));
        from.freeze(layer);

        to.receive(layer, from, nullptr, {});
        to.receive(layer, from, nullptr, {});

        EXPECT_EQ(to.files(), std::vector{layer});
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(to.directory()), {}), 1);
        EXPECT_TRUE(same_content(from.path_of(layer), to.path_of(layer)));
        struct stat status {};
        ASSERT_EQ(::stat(to.path_of(layer).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777U, 0400U);
        EXPECT_EQ(to.shares_file_system_with(from), parent == directory_.path());
    }
}

TEST_F(FileTransferTest, a_pool_adopts_a_file_of_another_file_system) {
    const Pool pool(other_.path() / "pool");
    const auto file = sparse_file();
    const LayerId layer = LayerId::generate();
    pool.adopt(layer, file);
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_EQ(std::filesystem::file_size(pool.path_of(layer)), file_size.value);
}

}  // namespace

}  // namespace kiln::images
