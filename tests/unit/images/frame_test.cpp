#include "images/bundles/frame.hpp"

#include <gtest/gtest.h>

namespace kiln::images {

namespace {

TEST(Frame, a_file_is_cut_into_full_frames_and_a_rest) {
    struct Case {
        std::uint64_t size;
        std::uint64_t count;
        std::uint64_t last;
    };
    const std::uint64_t full = frame_size.value;
    for (const Case& c : {Case{0, 0, 0}, Case{1, 1, 1}, Case{full - 1, 1, full - 1},
                          Case{full, 1, full}, Case{full + 1, 2, 1}, Case{3 * full, 3, full}}) {
        EXPECT_EQ(count_frames({c.size}), c.count) << c.size;
        if (c.count == 0) continue;
        EXPECT_EQ(size_of_frame({c.size}, c.count - 1).value, c.last) << c.size;
        EXPECT_EQ(size_of_frame({c.size}, c.count).value, 0U) << c.size;
    }
    EXPECT_EQ(count_frames({~0ULL}), 1ULL << 40U) << "no overflow";
}

TEST(Frame, decompressing_gives_the_bytes_back) {
    for (const std::string& bytes : {std::string("x"), std::string(100'000, '\0')})
        EXPECT_EQ(decompress_frame(compress_frame(bytes), {bytes.size()}), bytes);
}

TEST(Frame, a_frame_of_another_size_or_with_a_flipped_bit_is_refused) {
    const std::string bytes(1000, 'x');
    const std::string frame = compress_frame(bytes);
    EXPECT_EQ(decompress_frame(frame, Bytes{999}), std::nullopt);
    EXPECT_EQ(decompress_frame(frame, Bytes{1001}), std::nullopt);
    EXPECT_EQ(decompress_frame(frame + frame, Bytes{1000}), std::nullopt);
    EXPECT_EQ(decompress_frame(frame.substr(1), Bytes{1000}), std::nullopt);
    EXPECT_EQ(decompress_frame("", Bytes{1000}), std::nullopt);
    EXPECT_EQ(decompress_frame(std::string(1000, '\0'), Bytes{1000}), std::nullopt);
    std::string flipped = frame;
    flipped.back() = static_cast<char>(flipped.back() ^ 1);
    EXPECT_EQ(decompress_frame(flipped, Bytes{1000}), std::nullopt) << "zstd's own checksum";
}

TEST(Frame, a_bomb_takes_no_more_memory_than_it_may) {
    const std::string bomb = compress_frame(std::string(64 << 20, '\0'));
    EXPECT_LT(bomb.size(), 10'000U);
    EXPECT_EQ(decompress_frame(bomb, frame_size), std::nullopt);
}

}  // namespace

}  // namespace kiln::images
