#include "builder/export/tar_writer.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace kiln::builder {

namespace {

class TarWriterTest : public ::testing::Test {
  protected:
    /// A field of the header at an offset, up to its first zero byte.
    std::string field(std::size_t begin, std::size_t size) const {
        const std::string text = archive_.substr(begin, size);
        return text.substr(0, text.find('\0'));
    }
    unsigned sum_of_header() const {
        unsigned sum = 0;
        for (std::size_t i = 0; i < 512; ++i)
            sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(archive_[i]);
        return sum;
    }

    std::string archive_;
    TarWriter writer_{[this](std::string_view bytes) { archive_ += bytes; },
                      from_epoch_ms(1'700'000'000'999)};
};

TEST_F(TarWriterTest, a_file_has_a_header_of_ustar_and_whole_blocks) {
    writer_.add("image.ovf", "<Envelope/>");
    writer_.finish();
    EXPECT_EQ(archive_.size(), 4U * 512);
    EXPECT_EQ(field(0, 100), "image.ovf");
    EXPECT_EQ(field(100, 8), "0000644");
    EXPECT_EQ(field(124, 12), "00000000013");
    EXPECT_EQ(field(136, 12), "14524770400");
    EXPECT_EQ(archive_[156], '0');
    EXPECT_EQ(archive_.substr(257, 8), std::string("ustar\00000", 8));
    EXPECT_EQ(std::stoul(field(148, 8), nullptr, 8), sum_of_header());
    EXPECT_EQ(archive_.substr(512, 11), "<Envelope/>");
    EXPECT_EQ(archive_.find_first_not_of('\0', 512 + 11), std::string::npos);
}

TEST_F(TarWriterTest, a_file_of_whole_blocks_has_nothing_behind_it) {
    writer_.add("a", std::string(1024, 'a'));
    EXPECT_EQ(archive_.size(), 512U + 1024);
    writer_.add("empty", "");
    EXPECT_EQ(archive_.size(), 512U + 1024 + 512);
}

TEST_F(TarWriterTest, a_size_that_octal_digits_do_not_hold_is_in_base_256) {
    writer_.begin("disk", {(8ULL << 30U) - 1});
    EXPECT_EQ(field(124, 12), "77777777777");
    archive_.clear();
    writer_.begin("disk", {(8ULL << 30U) + 5});
    EXPECT_EQ(archive_.substr(124, 12), std::string("\x80\0\0\0\0\0\0\2\0\0\0\5", 12));
    EXPECT_EQ(std::stoul(field(148, 8), nullptr, 8), sum_of_header());
}

TEST_F(TarWriterTest, a_file_that_turns_out_longer_or_shorter_is_refused) {
    writer_.begin("disk", {3});
    writer_.write("ab");
    EXPECT_THROW(writer_.end(), Error);
    writer_.write("cd");
    EXPECT_THROW(writer_.end(), Error);
    EXPECT_THROW(writer_.begin(std::string(101, 'n'), {1}), Error);
    EXPECT_THROW(writer_.begin("", {1}), Error);
}

}  // namespace

}  // namespace kiln::builder
