#include "images/layers/private_copy.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "base/file.hpp"
#include "tests/catalog_fixture.hpp"

namespace kiln::images {

namespace {

using tests::error_code_of;

class PrivateCopyTest : public ::testing::Test {
  protected:
    std::filesystem::path path(const char* name) const { return directory_.path() / name; }
    /// A file with holes at its beginning, in its middle and at its end.
    std::filesystem::path file_with_holes() const {
        const std::filesystem::path file = path("original");
        std::ofstream stream(file);
        for (const int mebibyte : {2, 5}) {
            stream.seekp(mebibyte << 20);
            stream << std::string(1U << 20U, static_cast<char>('a' + mebibyte)) << "end";
        }
        stream.close();
        std::filesystem::resize_file(file, 9U << 20U);
        return file;
    }

    tests::TemporaryDirectory directory_;
};

TEST_F(PrivateCopyTest, a_copy_has_the_content_and_the_holes_and_is_its_owner_s_alone) {
    const auto original = file_with_holes();
    const std::string content = read_file(original);

    make_private_copy(original, path("copy"), {});

    EXPECT_TRUE(read_file(path("copy")) == content);
    EXPECT_LT(allocated_size(path("copy")), Bytes::mebibytes(3));
    EXPECT_EQ(std::filesystem::status(path("copy")).permissions(), std::filesystem::perms(0600));
    std::ofstream(path("copy"), std::ios::in) << "changed";
    EXPECT_TRUE(read_file(original) == content);
}

TEST_F(PrivateCopyTest, a_file_without_content_is_copied_too) {
    for (const std::uintmax_t size : {0U, 4096U}) {
        std::ofstream(path("original")).close();
        std::filesystem::resize_file(path("original"), size);

        make_private_copy(path("original"), path("copy"), {});

        EXPECT_EQ(std::filesystem::file_size(path("copy")), size);
        std::filesystem::remove(path("copy"));
    }
}

TEST_F(PrivateCopyTest, what_has_the_name_already_stays) {
    std::ofstream(path("copy")) << "somebody's";

    EXPECT_EQ(error_code_of([&] { make_private_copy(file_with_holes(), path("copy"), {}); }),
              "InternalError");

    EXPECT_EQ(read_file(path("copy")), "somebody's");
}

TEST_F(PrivateCopyTest, a_copy_of_nothing_leaves_nothing) {
    EXPECT_EQ(error_code_of([&] { make_private_copy(path("none"), path("copy"), {}); }),
              "InternalError");

    EXPECT_FALSE(std::filesystem::exists(path("copy")));
}

}  // namespace

}  // namespace kiln::images
