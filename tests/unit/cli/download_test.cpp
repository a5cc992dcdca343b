#include "cli/export/download.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "tests/temporary_directory.hpp"

namespace kiln::cli {

namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t piece = std::size_t{1} << 20U;

/// A file that a service has, and which of its bytes were asked for.
class DownloadTest : public ::testing::Test {
  protected:
    DownloadTest() {
        for (std::size_t i = 0; content_.size() < 3 * piece + 100; ++i)
            content_ += std::to_string(i) + " ";
        content_.resize(3 * piece + 100);
    }

    Download download() const {
        return {.file = file(),
                .task = "export-ami-00000001",
                .size = {content_.size()},
                .sha256 = sha256_hex(content_)};
    }
    bool fetch_all(const Download& wanted) {
        return fetch(
            wanted,
            [&](std::uint64_t offset, std::uint64_t size) {
                asked_.push_back(offset);
                if (offset >= breaks_at_) throw Error("Broken", "", "the connection broke");
                return content_.substr(offset, size);
            },
            [&](Bytes done) { told_.push_back(done.value); },
            [&] { return asked_.size() >= pieces_before_interrupt_; });
    }
    std::string code_of_fetch(const Download& wanted) {
        try {
            fetch_all(wanted);
        } catch (const Error& error) {
            return error.code();
        }
        return "";
    }

    fs::path file() const { return directory_.path() / "golden.ova"; }
    fs::path beside(const std::string& suffix) const { return file().string() + suffix; }
    void expect_fetched() {
        EXPECT_EQ(read_file(file()), content_);
        EXPECT_EQ(read_file(beside(".sha256")), sha256_hex(content_) + "  golden.ova\n");
        EXPECT_FALSE(fs::exists(beside(".part")));
        EXPECT_FALSE(fs::exists(beside(".part.task")));
    }

    tests::TemporaryDirectory directory_;
    std::string content_;
    std::vector<std::uint64_t> asked_;
    std::vector<std::uint64_t> told_;
    std::uint64_t breaks_at_ = ~0ULL;
    std::size_t pieces_before_interrupt_ = ~std::size_t{0};
};

TEST_F(DownloadTest, a_file_is_fetched_in_pieces_with_its_checksum_beside_it) {
    EXPECT_TRUE(fetch_all(download()));
    expect_fetched();
    EXPECT_THAT(asked_, ElementsAre(0, piece, 2 * piece, 3 * piece));
    EXPECT_EQ(told_, asked_);
}

TEST_F(DownloadTest, what_broke_off_goes_on_where_it_ended) {
    breaks_at_ = 2 * piece;
    EXPECT_EQ(code_of_fetch(download()), "Broken");
    EXPECT_EQ(size_of_part(file()), Bytes{2 * piece});
    EXPECT_EQ(begun_task(file()), "export-ami-00000001");
    asked_.clear();
    breaks_at_ = ~0ULL;
    EXPECT_TRUE(fetch_all(download()));
    EXPECT_THAT(asked_, ElementsAre(2 * piece, 3 * piece));
    expect_fetched();
}

TEST_F(DownloadTest, an_interrupt_leaves_what_there_is) {
    pieces_before_interrupt_ = 1;
    EXPECT_FALSE(fetch_all(download()));
    EXPECT_EQ(size_of_part(file()), Bytes{piece});
    EXPECT_FALSE(fs::exists(file()));
    pieces_before_interrupt_ = ~std::size_t{0};
    EXPECT_TRUE(fetch_all(download()));
    expect_fetched();
}

TEST_F(DownloadTest, a_part_that_is_whole_already_is_only_compared) {
    pieces_before_interrupt_ = 4;
    write_file_atomically(beside(".part.task"), "export-ami-00000001\n", 0600);
    write_file_atomically(beside(".part"), content_, 0600);
    EXPECT_TRUE(fetch_all(download()));
    EXPECT_THAT(asked_, IsEmpty());
    expect_fetched();
}

TEST_F(DownloadTest, a_part_of_another_task_is_begun_anew) {
    write_file_atomically(beside(".part.task"), "export-ami-00000002\n", 0600);
    write_file_atomically(beside(".part"), "something else", 0600);
    EXPECT_TRUE(fetch_all(download()));
    EXPECT_EQ(asked_.front(), 0U);
    expect_fetched();
}

TEST_F(DownloadTest, a_part_that_is_too_long_is_begun_anew) {
    write_file_atomically(beside(".part.task"), "export-ami-00000001\n", 0600);
    write_file_atomically(beside(".part"), content_ + "more", 0600);
    EXPECT_TRUE(fetch_all(download()));
    EXPECT_EQ(asked_.front(), 0U);
    expect_fetched();
}

TEST_F(DownloadTest, what_is_not_what_the_service_has_is_told_and_removed) {
    Download wanted = download();
    wanted.sha256 = sha256_hex("something else");
    EXPECT_EQ(code_of_fetch(wanted), "ChecksumMismatch");
    EXPECT_FALSE(fs::exists(file()));
    EXPECT_FALSE(fs::exists(beside(".part")));
    EXPECT_FALSE(fs::exists(beside(".part.task")));
}

TEST_F(DownloadTest, a_file_that_is_there_is_overwritten_only_when_it_may_be) {
    write_file_atomically(file(), "precious", 0600);
    EXPECT_EQ(code_of_fetch(download()), "FileExists");
    EXPECT_THAT(asked_, IsEmpty());
    EXPECT_EQ(read_file(file()), "precious");
    Download wanted = download();
    wanted.overwrites = true;
    EXPECT_TRUE(fetch_all(wanted));
    expect_fetched();
}

TEST_F(DownloadTest, a_file_that_appears_meanwhile_is_not_overwritten) {
    const auto appears = [&](std::uint64_t offset, std::uint64_t size) {
        std::ofstream(file()) << "precious";
        return content_.substr(offset, size);
    };
    EXPECT_THROW(fetch(
                     download(), appears, [](Bytes) {}, [] { return false; }),
                 Error);
    EXPECT_EQ(read_file(file()), "precious");
    EXPECT_EQ(read_file(beside(".part")), content_);
}

TEST_F(DownloadTest, a_checksum_of_another_file_is_not_overwritten_either) {
    write_file_atomically(beside(".sha256"), "precious", 0600);
    EXPECT_EQ(code_of_fetch(download()), "FileExists");
}

TEST_F(DownloadTest, how_much_room_is_missing_is_told_before_anything_is_fetched) {
    Download wanted = download();
    wanted.size = {free_space(directory_.path()).value + Bytes::gibibytes(5).value};
    try {
        fetch_all(wanted);
        FAIL() << "there was room";
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), "DiskFull");
        EXPECT_THAT(error.message(), HasSubstr("MiB are missing"));
        EXPECT_THAT(error.message(), HasSubstr("run the same command again"));
    }
    EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(DownloadTest, zeros_become_holes_where_the_file_has_them) {
    content_ = std::string(2 * piece, '\0') + "end" + std::string(piece, '\0');
    Download wanted = download();
    wanted.has_holes = true;
    EXPECT_TRUE(fetch_all(wanted));
    EXPECT_EQ(read_file(file()), content_);
    EXPECT_LE(allocated_size(file()), Bytes{64U << 10U});
}

TEST_F(DownloadTest, a_service_that_sends_too_much_or_nothing_is_not_believed) {
    const auto sends = [&](const std::string& bytes) {
        return [bytes](std::uint64_t, std::uint64_t) { return bytes; };
    };
    const auto never = [] { return false; };
    EXPECT_THROW(fetch(
                     download(), sends(""), [](Bytes) {}, never),
                 Error);
    EXPECT_THROW(fetch(
                     download(), sends(std::string(4 * piece, 'x')), [](Bytes) {}, never),
                 Error);
    EXPECT_EQ(size_of_part(file()), Bytes{});
}

}  // namespace

}  // namespace kiln::cli
