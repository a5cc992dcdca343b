#include "images/bundles/sparse_file.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/text.hpp"
#include "tests/object_store_fixture.hpp"

namespace kiln::images {

namespace {

using ::testing::HasSubstr;
using tests::refusal_of;

constexpr std::size_t block = 4096;

class SparseFileTest : public tests::ObjectStoreFixture {};

TEST_F(SparseFileTest, blocks_of_zeros_become_holes_and_read_as_zeros) {
    const std::string content = std::string(block, 'a') + std::string(100 * block, '\0') +
                                std::string(block, 'b') + std::string(1000 * block + 7, '\0');
    SparseFile file(local("disk"));
    file.write(content);
    file.finish();

    EXPECT_EQ(content_of(local("disk")), content);
    EXPECT_EQ(file.digest(), sha256_hex(content));
    EXPECT_EQ(file.size(), Bytes{content.size()});
    EXPECT_EQ(allocated_size(local("disk")), Bytes{2 * block});
}

TEST_F(SparseFileTest, pieces_of_any_length_give_the_same_file) {
    const std::string content = std::string(5000, '\0') + "data" + std::string(9000, '\0') + "e";
    for (const std::size_t piece : {std::size_t{1}, std::size_t{4095}, std::size_t{4097}}) {
        const std::filesystem::path path = local(std::to_string(piece));
        SparseFile file(path);
        for (std::size_t i = 0; i < content.size(); i += piece)
            file.write(std::string_view(content).substr(i, piece));
        file.finish();
        EXPECT_EQ(content_of(path), content) << piece;
        EXPECT_EQ(file.digest(), sha256_hex(content)) << piece;
    }
}

TEST_F(SparseFileTest, a_file_of_nothing_but_zeros_or_of_nothing_is_made_too) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, 10 * block}) {
        const std::filesystem::path path = local(std::to_string(size));
        SparseFile file(path);
        file.write(std::string(size, '\0'));
        file.finish();
        EXPECT_EQ(std::filesystem::file_size(path), size);
        EXPECT_EQ(allocated_size(path), Bytes{0});
    }
}

TEST_F(SparseFileTest, only_a_finished_file_stays_and_only_the_service_reads_it) {
    SparseFile(local("unfinished")).write("x");
    EXPECT_FALSE(std::filesystem::exists(local("unfinished")));

    SparseFile(local("finished")).finish();

    struct stat status {};
    ASSERT_EQ(::stat(local("finished").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(SparseFileTest, what_has_the_name_already_stays_as_it_is) {
    local_file("disk", "mine");
    std::filesystem::create_symlink(local("missing"), local("link"));

    for (const char* name : {"disk", "link"})
        EXPECT_THAT(refusal_of([&] { SparseFile{local(name)}; }), HasSubstr("File exists"));

    EXPECT_EQ(content_of(local("disk")), "mine");
    EXPECT_FALSE(std::filesystem::exists(local("missing")));
}

}  // namespace

}  // namespace kiln::images
